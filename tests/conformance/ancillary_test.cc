// WSARecvMsg and WSASendMsg, found by their GUIDs, and the control data that
// options ask for.
#include <cstring>
#include <string>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "mswsock.h"
#include "tests/conformance/datagram_fixture.h"
#include "tests/testing/wait_until.h"

namespace wspd::conformance {
namespace {

using spi_client::SleepAlertable;
using ::testing::AnyOf;
using testing::MulticastInterface;
using testing::WaitUntil;

using RecvMsgFunction = INT(WSAAPI*)(SOCKET, LPWSAMSG, LPDWORD, LPWSAOVERLAPPED,
                                     LPWSAOVERLAPPED_COMPLETION_ROUTINE);
using SendMsgFunction = INT(WSAAPI*)(SOCKET, LPWSAMSG, DWORD, LPDWORD,
                                     LPWSAOVERLAPPED,
                                     LPWSAOVERLAPPED_COMPLETION_ROUTINE);

constexpr GUID kRecvMsg = WSAID_WSARECVMSG;
constexpr GUID kSendMsg = WSAID_WSASENDMSG;

// Windows' structures for the packet's addresses.
struct PacketInfo4 {
  in_addr address;
  ULONG interface;
};
struct PacketInfo6 {
  in6_addr address;
  ULONG interface;
};

constexpr size_t kHeader = sizeof(WSACMSGHDR);  // a multiple of 8

size_t Space(size_t data) { return kHeader + (data + 7) / 8 * 8; }

// A message to receive, with room for data, sender and control data.
struct Message {
  explicit Message(size_t room = 100, size_t control_room = 256)
      : data(room, '\0'), control(control_room / 8) {
    part = {static_cast<u_long>(room), &data[0]};
    message.name = from.get();
    message.namelen = from.length();
    message.lpBuffers = &part;
    message.dwBufferCount = 1;
    message.Control = {static_cast<u_long>(control_room),
                       reinterpret_cast<char*>(control.data())};
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  std::string text() const { return data.substr(0, bytes); }

  // The control data of this level and one of these types, or null.
  const char* Find(int level, int type, int other_type = -1) const {
    const char* const begin = reinterpret_cast<const char*>(control.data());
    size_t at = 0;
    while (at + kHeader <= message.Control.len) {
      WSACMSGHDR header;
      std::memcpy(&header, begin + at, sizeof(header));
      if (header.cmsg_len < kHeader) break;
      if (header.cmsg_level == level &&
          (header.cmsg_type == type || header.cmsg_type == other_type)) {
        return begin + at + kHeader;
      }
      at += (header.cmsg_len + 7) / 8 * 8;
    }
    return nullptr;
  }
  int FindInt(int level, int type, int other_type = -1) const {
    const char* const found = Find(level, type, other_type);
    int value = -1;
    if (found != nullptr) std::memcpy(&value, found, sizeof(value));
    return value;
  }

  std::string data;
  std::vector<uint64_t> control;
  SockAddr from;
  WSABUF part = {};
  WSAMSG message = {};
  DWORD bytes = 0;
};

class AncillaryTest : public DatagramFamilyTest {
 protected:
  WsaCode Receive(SOCKET s, Message* message, const Overlap& overlap = {}) {
    const auto function =
        reinterpret_cast<RecvMsgFunction>(FindExtension(s, kRecvMsg));
    EXPECT_NE(function, nullptr);
    if (function == nullptr) return kNoErrorGiven;
    WSASetLastError(0);
    const INT result = function(s, &message->message, &message->bytes,
                                overlap.overlapped, overlap.routine);
    return CodeOf(result);
  }
  WsaCode Send(SOCKET s, WSAMSG* message, DWORD* sent,
               const Overlap& overlap = {}) {
    const auto function =
        reinterpret_cast<SendMsgFunction>(FindExtension(s, kSendMsg));
    EXPECT_NE(function, nullptr);
    if (function == nullptr) return kNoErrorGiven;
    WSASetLastError(0);
    const INT result =
        function(s, message, 0, sent, overlap.overlapped, overlap.routine);
    return CodeOf(result);
  }

  // The extension functions report by WSASetLastError.
  static WsaCode CodeOf(INT result) {
    if (result == 0) return kOk;
    const int error = WSAGetLastError();
    return error == 0 ? kNoErrorGiven : WsaCode{error};
  }

  void Ask(SOCKET s, int ipv4_option, int ipv6_option) {
    const bool ipv4 = family() == Family::kIpv4;
    EXPECT_EQ(SetInt(s, ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                     ipv4 ? ipv4_option : ipv6_option, 1),
              kOk);
  }
  void AskForPacketInfo(SOCKET s) { Ask(s, IP_PKTINFO, IPV6_PKTINFO); }

  // Whether the message carries the loopback address and interface as those
  // that it came to.
  void ExpectLoopbackInfo(const Message& message) {
    if (family() == Family::kIpv4) {
      const char* const found = message.Find(IPPROTO_IP, IP_PKTINFO);
      ASSERT_NE(found, nullptr);
      PacketInfo4 info;
      std::memcpy(&info, found, sizeof(info));
      EXPECT_EQ(info.address.s_addr, htonl(INADDR_LOOPBACK));
      EXPECT_NE(info.interface, 0u);
    } else {
      const char* const found = message.Find(IPPROTO_IPV6, IPV6_PKTINFO);
      ASSERT_NE(found, nullptr);
      PacketInfo6 info;
      std::memcpy(&info, found, sizeof(info));
      EXPECT_TRUE(IN6_ADDR_EQUAL(&info.address, &in6addr_loopback));
      EXPECT_NE(info.interface, 0u);
    }
  }
};
WSPD_FOR_BOTH_FAMILIES(AncillaryTest);

// ---------------------------------------------------- 4.9: how to get them

// 4.9: all obtained on any socket of the provider.
TEST_P(AncillaryTest, FunctionsAreFoundOnEverySocket) {
  for (Protocol protocol : {Protocol::kTcp, Protocol::kUdp}) {
    const SOCKET s = NewSocket(family(), protocol);
    EXPECT_NE(FindExtension(s, kRecvMsg), nullptr);
    EXPECT_NE(FindExtension(s, kSendMsg), nullptr);
  }
}

// ------------------------------------------------------------ 4.9 WSARecvMsg

TEST_P(AncillaryTest, MessageHasDataAndSender) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  Message message;
  EXPECT_EQ(Receive(s, &message), kOk);
  EXPECT_EQ(message.text(), "hello");
  message.from.set_length(message.message.namelen);
  EXPECT_EQ(message.from, SockAddr::Of(peer_.endpoint()));
  EXPECT_EQ(message.message.namelen, AddressLength(family()));
}

// Nothing was asked for.
TEST_P(AncillaryTest, MessageHasNoControlDataByItself) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  Message message;
  EXPECT_EQ(Receive(s, &message), kOk);
  EXPECT_EQ(message.message.Control.len, 0u);
  EXPECT_EQ(message.message.dwFlags, 0u);
}

// 4.10 PKTINFO 19.
TEST_P(AncillaryTest, PacketInfoTellsWhereItCame) {
  const SOCKET s = NewDatagrams(family());
  AskForPacketInfo(s);
  SendFrom(&peer_, s, "hello");
  Message message;
  ASSERT_EQ(Receive(s, &message), kOk);
  EXPECT_EQ(message.text(), "hello");
  ExpectLoopbackInfo(message);
}

// 4.10 RECVTTL/HOPLIMIT 21. Windows has told IPv4's under either type.
TEST_P(AncillaryTest, HopsAreTold) {
  const SOCKET s = NewDatagrams(family());
  Ask(s, IP_RECVTTL, IPV6_HOPLIMIT);
  peer_.SetHops(77);
  SendFrom(&peer_, s, "hello");
  Message message;
  ASSERT_EQ(Receive(s, &message), kOk);
  EXPECT_EQ(family() == Family::kIpv4
                ? message.FindInt(IPPROTO_IP, IP_HOPLIMIT, IP_TTL)
                : message.FindInt(IPPROTO_IPV6, IPV6_HOPLIMIT),
            77);
}

// 4.10 RECVTOS/TCLASS 40.
TEST_P(AncillaryTest, TrafficClassIsTold) {
  const SOCKET s = NewDatagrams(family());
  Ask(s, IP_RECVTOS, IPV6_RECVTCLASS);
  peer_.SetTrafficClass(0x28);
  SendFrom(&peer_, s, "hello");
  Message message;
  ASSERT_EQ(Receive(s, &message), kOk);
  EXPECT_EQ(family() == Family::kIpv4
                ? message.FindInt(IPPROTO_IP, IP_TOS, IP_TCLASS)
                : message.FindInt(IPPROTO_IPV6, IPV6_TCLASS),
            0x28);
}

TEST_P(AncillaryTest, SeveralThingsAreToldTogether) {
  const SOCKET s = NewDatagrams(family());
  AskForPacketInfo(s);
  Ask(s, IP_RECVTTL, IPV6_HOPLIMIT);
  peer_.SetHops(78);
  SendFrom(&peer_, s, "hello");
  Message message;
  ASSERT_EQ(Receive(s, &message), kOk);
  ExpectLoopbackInfo(message);
  EXPECT_EQ(family() == Family::kIpv4
                ? message.FindInt(IPPROTO_IP, IP_HOPLIMIT, IP_TTL)
                : message.FindInt(IPPROTO_IPV6, IPV6_HOPLIMIT),
            78);
}

TEST_P(AncillaryTest, NothingIsToldOnceItIsUnwanted) {
  const SOCKET s = NewDatagrams(family());
  AskForPacketInfo(s);
  if (family() == Family::kIpv4) {
    EXPECT_EQ(SetInt(s, IPPROTO_IP, IP_PKTINFO, 0), kOk);
  } else {
    EXPECT_EQ(SetInt(s, IPPROTO_IPV6, IPV6_PKTINFO, 0), kOk);
  }
  SendFrom(&peer_, s, "hello");
  Message message;
  ASSERT_EQ(Receive(s, &message), kOk);
  EXPECT_EQ(message.message.Control.len, 0u);
}

// 4.9: result flag MSG_TRUNC 100h; 2: WSAEMSGSIZE with the buffer filled.
TEST_P(AncillaryTest, TooSmallABufferIsTold) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  Message message(4);
  EXPECT_EQ(Receive(s, &message), WsaCode{WSAEMSGSIZE});
  EXPECT_EQ(message.text(), "hell");
  EXPECT_NE(message.message.dwFlags & MSG_TRUNC, 0u);
}

// 4.9: result flag CTRUNC 200h.
TEST_P(AncillaryTest, TooLittleRoomForControlDataIsTold) {
  const SOCKET s = NewDatagrams(family());
  AskForPacketInfo(s);
  SendFrom(&peer_, s, "hello");
  Message message(100, 8);
  EXPECT_THAT(Receive(s, &message), AnyOf(kOk, WsaCode{WSAEMSGSIZE}));
  EXPECT_NE(message.message.dwFlags & MSG_CTRUNC, 0u);
}

TEST_P(AncillaryTest, PeekLeavesTheMessage) {
  const SOCKET s = NewDatagrams(family());
  AskForPacketInfo(s);
  SendFrom(&peer_, s, "hello");
  Message message;
  message.message.dwFlags = MSG_PEEK;
  ASSERT_EQ(Receive(s, &message), kOk);
  ExpectLoopbackInfo(message);
  ExpectNext(s, "hello");
}

TEST_P(AncillaryTest, ReceiveOfNothingWouldBlock) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(SetNonBlocking(s), kOk);
  Message message;
  EXPECT_EQ(Receive(s, &message), WsaCode{WSAEWOULDBLOCK});
}

TEST_P(AncillaryTest, ReceiveUnboundIsInvalid) {
  Message message;
  EXPECT_EQ(Receive(NewSocket(family(), Protocol::kUdp), &message),
            WsaCode{WSAEINVAL});
}

// 4.9: datagram/raw.
TEST_P(AncillaryTest, StreamSocketHasNoMessages) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.Write("hello"));
  Message message;
  EXPECT_THAT(Receive(pair.socket, &message),
              AnyOf(WsaCode{WSAEINVAL}, WsaCode{WSAEOPNOTSUPP}));
}

TEST_P(AncillaryTest, NoSocketHasNoMessages) {
  const SOCKET s = NewDatagrams(family());
  const auto function =
      reinterpret_cast<RecvMsgFunction>(FindExtension(s, kRecvMsg));
  ASSERT_NE(function, nullptr);
  Message message;
  EXPECT_EQ(CodeOf(function(INVALID_SOCKET, &message.message, &message.bytes,
                            nullptr, nullptr)),
            WsaCode{WSAENOTSOCK});
}

// 6.1: also overlapped. The fields of the message are written at its end.
TEST_P(AncillaryTest, OverlappedReceiveEndsWithControlData) {
  const SOCKET s = NewDatagrams(family());
  AskForPacketInfo(s);
  Message message;
  Overlapped operation;
  ASSERT_EQ(Receive(s, &message, operation.WithEvent()), kPending);
  SendFrom(&peer_, s, "hello");
  ASSERT_TRUE(operation.event.Wait(kSoonMs));
  EXPECT_EQ(GetOverlappedResult(s, &operation.overlapped, &message.bytes, false,
                                &operation.flags),
            kOk);
  EXPECT_EQ(message.text(), "hello");
  EXPECT_EQ(message.from, SockAddr::Of(peer_.endpoint()));
  ExpectLoopbackInfo(message);
}

thread_local int routine_runs;
void CountRun(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) { ++routine_runs; }

TEST_P(AncillaryTest, OverlappedReceiveCallsItsRoutine) {
  const SOCKET s = NewDatagrams(family());
  AskForPacketInfo(s);
  Message message;
  Overlapped operation;
  ASSERT_EQ(Receive(s, &message, operation.WithRoutine(CountRun)), kPending);
  SendFrom(&peer_, s, "hello");
  EXPECT_TRUE(WaitUntil([&] {
    SleepAlertable(1);
    return routine_runs > 0;
  }));
  EXPECT_EQ(routine_runs, 1);
  EXPECT_EQ(operation.overlapped.InternalHigh, 5u);
  ExpectLoopbackInfo(message);
}

TEST_P(AncillaryTest, CloseAbortsAPendingReceive) {
  const SOCKET s = NewDatagrams(family());
  Message message;
  Overlapped operation;
  ASSERT_EQ(Receive(s, &message, operation.WithEvent()), kPending);
  EXPECT_EQ(Close(s), kOk);
  EXPECT_TRUE(operation.event.Wait(kSoonMs));
}

// ------------------------------------------------------------ 4.9 WSASendMsg

TEST_P(AncillaryTest, SendOfAMessageArrives) {
  const SOCKET s = NewDatagrams(family());
  SockAddr to = SockAddr::Of(peer_.endpoint());
  std::string a = "one ", b = "and two";
  WSABUF parts[] = {{4, &a[0]}, {7, &b[0]}};
  WSAMSG message = {to.get(), to.length(), parts, 2, {0, nullptr}, 0};
  DWORD sent = 0;
  EXPECT_EQ(Send(s, &message, &sent), kOk);
  EXPECT_EQ(sent, 11u);
  ExpectNext(&peer_, "one and two");
}

TEST_P(AncillaryTest, SendWithoutANameGoesToThePeer) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  std::string data = "hello";
  WSABUF part = {5, &data[0]};
  WSAMSG message = {nullptr, 0, &part, 1, {0, nullptr}, 0};
  DWORD sent = 0;
  EXPECT_EQ(Send(s, &message, &sent), kOk);
  ExpectNext(&peer_, "hello");
}

TEST_P(AncillaryTest, OverlappedSendSetsItsEvent) {
  const SOCKET s = NewDatagrams(family());
  SockAddr to = SockAddr::Of(peer_.endpoint());
  std::string data = "hello";
  WSABUF part = {5, &data[0]};
  WSAMSG message = {to.get(), to.length(), &part, 1, {0, nullptr}, 0};
  DWORD sent = 0;
  Overlapped operation;
  EXPECT_THAT(Send(s, &message, &sent, operation.WithEvent()),
              AnyOf(kOk, kPending));
  EXPECT_TRUE(operation.event.Wait(kSoonMs));
  EXPECT_EQ(operation.overlapped.InternalHigh, 5u);
  ExpectNext(&peer_, "hello");
}

class SendMessageTest : public DatagramTest {};

// The packet info of a sent message picks its source address.
TEST_F(SendMessageTest, PacketInfoPicksTheSource) {
  const SOCKET s = NewSocket(Family::kIpv4, Protocol::kUdp);
  ASSERT_EQ(Bind(s, SockAddr::Any(Family::kIpv4)), kOk);
  PeerDatagrams receiver(Family::kIpv4);
  SockAddr to = SockAddr::Of(receiver.endpoint());
  std::string data = "hello";
  WSABUF part = {5, &data[0]};
  alignas(8) char control[32] = {};
  const WSACMSGHDR header = {kHeader + sizeof(PacketInfo4), IPPROTO_IP,
                             IP_PKTINFO};
  PacketInfo4 info = {};
  info.address.s_addr = htonl(0x7f000009);
  std::memcpy(control, &header, sizeof(header));
  std::memcpy(control + kHeader, &info, sizeof(info));
  WSAMSG message = {to.get(),
                    to.length(),
                    &part,
                    1,
                    {static_cast<u_long>(Space(sizeof(info))), control},
                    0};
  const auto function =
      reinterpret_cast<SendMsgFunction>(FindExtension(s, kSendMsg));
  ASSERT_NE(function, nullptr);
  DWORD sent = 0;
  ASSERT_EQ(function(s, &message, 0, &sent, nullptr, nullptr), 0)
      << WsaCode{WSAGetLastError()};
  const PeerDatagrams::Datagram received = receiver.Receive();
  EXPECT_EQ(received.data, "hello");
  EXPECT_EQ(received.from_address, "127.0.0.9");
}

// -------------------------------------------- 4.9: MSG_BCAST and MSG_MCAST

class MessageFlagsTest : public DatagramTest {
 protected:
  // The flags with which the next message comes.
  DWORD NextFlags(SOCKET s) {
    const auto function =
        reinterpret_cast<RecvMsgFunction>(FindExtension(s, kRecvMsg));
    EXPECT_NE(function, nullptr);
    if (function == nullptr) return 0;
    Message message;
    EXPECT_EQ(function(s, &message.message, &message.bytes, nullptr, nullptr),
              0)
        << WsaCode{WSAGetLastError()};
    return message.message.dwFlags;
  }
  SOCKET NewOnAny() {
    const SOCKET s = NewSocket(Family::kIpv4, Protocol::kUdp);
    EXPECT_EQ(Bind(s, SockAddr::Any(Family::kIpv4)), kOk);
    EXPECT_EQ(GetSockName(s, &name_), kOk);
    return s;
  }

  SockAddr name_;
  PeerDatagrams peer_{Family::kIpv4};
};

TEST_F(MessageFlagsTest, BroadcastIsTold) {
  const SOCKET s = NewOnAny();
  peer_.AllowBroadcast();
  ASSERT_TRUE(peer_.SendTo("x", "127.255.255.255", name_.port()));
  EXPECT_EQ(NextFlags(s), DWORD{MSG_BCAST});
  // Also of one that comes after this has been asked for.
  ASSERT_TRUE(peer_.SendTo("x", "127.255.255.255", name_.port()));
  EXPECT_EQ(NextFlags(s), DWORD{MSG_BCAST});
}

TEST_F(MessageFlagsTest, MulticastIsTold) {
  const SOCKET s = NewOnAny();
  ip_mreq request = {};
  request.imr_multiaddr.s_addr = htonl(0xefff4d02);
  request.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(
      SetOption(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)),
      kOk);
  peer_.SetMulticastInterface(MulticastInterface(Family::kIpv4));
  ASSERT_TRUE(peer_.SendTo("x", "239.255.77.2", name_.port()));
  EXPECT_EQ(NextFlags(s), DWORD{MSG_MCAST});
}

TEST_F(MessageFlagsTest, OneAloneHasNoFlag) {
  const SOCKET s = NewOnAny();
  ASSERT_TRUE(peer_.Send("x", {Family::kIpv4, name_.port()}));
  EXPECT_EQ(NextFlags(s), 0u);
}

}  // namespace
}  // namespace wspd::conformance
