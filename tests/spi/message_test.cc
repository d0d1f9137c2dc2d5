// WSARecvMsg and WSASendMsg (reference, section 4.9): datagrams with what is
// known or wanted of them besides their data.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/testing/extensions.h"
#include "tests/testing/peer_datagrams.h"
#include "tests/testing/provider_test.h"
// After the Winsock headers.
#include <mswsock.h>
#include <ws2tcpip.h>

namespace wspd::testing {
namespace {

constexpr WsaCode kInval{WSAEINVAL};
constexpr WsaCode kFault{WSAEFAULT};
constexpr WsaCode kMsgSize{WSAEMSGSIZE};
constexpr WsaCode kNotSupported{WSAEOPNOTSUPP};
constexpr DWORD kAborted = WSA_OPERATION_ABORTED;

// A WSAMSG with all that it points to.
struct Message {
  WSAOVERLAPPED overlapped = {};
  std::string data;
  WSABUF buffer = {};
  alignas(8) char control[256] = {};
  SocketAddress address;
  WSAMSG message = {};

  Message() = default;
  explicit Message(const std::string& to_send) : data(to_send) {}
  Message(const Message&) = delete;

  // To receive `size` bytes of data and `room` of what comes with them.
  WSAMSG* ForReceiving(size_t size, u_long room = sizeof(control)) {
    data.assign(size, '-');
    address = SocketAddress();
    message.name = address.get();
    message.namelen = address.length;
    message.Control = {room, control};
    message.dwFlags = 0;
    return WithBuffer();
  }
  WSAMSG* ForSending(const Endpoint& to) {
    address = SocketAddress(to);
    message.name = address.get();
    message.namelen = address.length;
    return WithBuffer();
  }
  WSAMSG* WithBuffer() {
    buffer = {static_cast<u_long>(data.size()), &data[0]};
    message.lpBuffers = &buffer;
    message.dwBufferCount = 1;
    return &message;
  }

  template <typename Value>
  void AddControl(int level, int type, const Value& value) {
    const u_long at = message.Control.len;
    auto* header = reinterpret_cast<WSACMSGHDR*>(control + at);
    header->cmsg_len = WSA_CMSG_LEN(sizeof(value));
    header->cmsg_level = level;
    header->cmsg_type = type;
    std::memcpy(WSA_CMSG_DATA(header), &value, sizeof(value));
    message.Control = {static_cast<u_long>(at + WSA_CMSG_SPACE(sizeof(value))),
                       control};
  }
  // Null if it didn't come.
  const WSACMSGHDR* Find(int level, int type) {
    for (WSACMSGHDR* item = WSA_CMSG_FIRSTHDR(&message); item != nullptr;
         item = WSA_CMSG_NXTHDR(&message, item)) {
      if (item->cmsg_level == level && item->cmsg_type == type) return item;
    }
    return nullptr;
  }
  template <typename Value>
  bool Get(int level, int type, Value* value) {
    const WSACMSGHDR* item = Find(level, type);
    if (item == nullptr || item->cmsg_len != WSA_CMSG_LEN(sizeof(*value))) {
      return false;
    }
    std::memcpy(value, WSA_CMSG_DATA(item), sizeof(*value));
    return true;
  }
  Endpoint from() const { return address.ToEndpoint(); }
  DWORD error() const { return overlapped.OffsetHigh; }
};

class MessageTest : public ProviderTest,
                    public ::testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->DatagramSocket(&socket_, GetParam()), kOk);
    ASSERT_EQ(spi_->Bind(socket_, {GetParam(), 0}), kOk);
    ASSERT_EQ(spi_->GetSockName(socket_, &own_), kOk);
    const GUID receive = WSAID_WSARECVMSG, send = WSAID_WSASENDMSG;
    receive_ = GetExtension<LPFN_WSARECVMSG>(*spi_, socket_, receive);
    send_ = GetExtension<LPFN_WSASENDMSG>(*spi_, socket_, send);
    ASSERT_NE(receive_, nullptr);
    ASSERT_NE(send_, nullptr);
  }

  bool is_ipv4() const { return GetParam() == Family::kIpv4; }
  int level() const { return is_ipv4() ? IPPROTO_IP : IPPROTO_IPV6; }
  int packet_info() const {
    return OfFamily(GetParam(), IP_PKTINFO, IPV6_PKTINFO);
  }
  void Ask(int option) {
    ASSERT_EQ(spi_->SetOption(socket_, level(), option, 1), kOk);
  }

  WsaCode Receive(WSAMSG* message, DWORD* bytes) {
    return CodeOfInt(receive_(socket_, message, bytes, nullptr, nullptr));
  }
  WsaCode StartReceive(Message* message,
                       LPWSAOVERLAPPED_COMPLETION_ROUTINE routine = nullptr) {
    return CodeOfInt(receive_(socket_, &message->message, nullptr,
                              &message->overlapped, routine));
  }
  WsaCode Send(WSAMSG* message, DWORD* bytes) {
    return CodeOfInt(send_(socket_, message, 0, bytes, nullptr, nullptr));
  }
  // Whether the datagram's own address is in its packet information.
  bool CameToLoopback(Message* message) {
    if (is_ipv4()) {
      IN_PKTINFO info = {};
      return message->Get(IPPROTO_IP, IP_PKTINFO, &info) &&
             info.ipi_addr.s_addr == htonl(INADDR_LOOPBACK) &&
             info.ipi_ifindex != 0;
    }
    IN6_PKTINFO info = {};
    return message->Get(IPPROTO_IPV6, IPV6_PKTINFO, &info) &&
           IN6_IS_ADDR_LOOPBACK(&info.ipi6_addr) && info.ipi6_ifindex != 0;
  }

  SOCKET socket_ = INVALID_SOCKET;
  Endpoint own_;
  PeerDatagrams peer_{GetParam()};
  LPFN_WSARECVMSG receive_ = nullptr;
  LPFN_WSASENDMSG send_ = nullptr;
  Message message_;
  DWORD bytes_ = 77;
};

// ------------------------------------------------------------------ receiving

TEST_P(MessageTest, PacketInformationComesIfItIsAskedFor) {
  ASSERT_TRUE(peer_.Send("first", own_));
  ASSERT_EQ(Receive(message_.ForReceiving(100), &bytes_), kOk);
  EXPECT_EQ(bytes_, 5u);
  EXPECT_EQ(message_.data.substr(0, 5), "first");
  EXPECT_EQ(message_.from(), peer_.endpoint());
  EXPECT_EQ(message_.message.Control.len, 0u);
  EXPECT_EQ(message_.message.dwFlags, 0u);

  Ask(packet_info());
  ASSERT_TRUE(peer_.Send("second", own_));
  ASSERT_EQ(Receive(message_.ForReceiving(100), &bytes_), kOk);
  EXPECT_EQ(message_.data.substr(0, 6), "second");
  EXPECT_TRUE(CameToLoopback(&message_));
  const u_long size = is_ipv4() ? sizeof(IN_PKTINFO) : sizeof(IN6_PKTINFO);
  EXPECT_EQ(message_.message.Control.len, WSA_CMSG_SPACE(size));
  EXPECT_EQ(message_.message.dwFlags, 0u);
}

TEST_P(MessageTest, NoNameNeedBeAskedFor) {
  ASSERT_TRUE(peer_.Send("x", own_));
  message_.ForReceiving(100);
  message_.message.name = nullptr;
  message_.message.namelen = 0;
  EXPECT_EQ(Receive(&message_.message, &bytes_), kOk);
  EXPECT_EQ(message_.message.namelen, 0);
}

TEST_P(MessageTest, ControlWithoutRoomIsCutAndTheCallFails) {
  Ask(packet_info());
  for (const u_long room : {0u, 1u, 16u, 23u}) {
    ASSERT_TRUE(peer_.Send("data", own_));
    EXPECT_EQ(Receive(message_.ForReceiving(100, room), &bytes_), kMsgSize)
        << room;
    EXPECT_EQ(message_.message.dwFlags, DWORD{MSG_CTRUNC});
    EXPECT_EQ(message_.message.Control.len, 0u);
    EXPECT_EQ(bytes_, 4u);
    EXPECT_EQ(message_.data.substr(0, 4), "data");
  }
}

TEST_P(MessageTest, ControlWithoutRoomFailsAnOverlappedCallToo) {
  Ask(packet_info());
  Event event;
  message_.overlapped.hEvent = event.get();
  message_.ForReceiving(100, 1);
  ASSERT_EQ(StartReceive(&message_), kPending);
  ASSERT_TRUE(peer_.Send("data", own_));
  ASSERT_TRUE(event.Wait());
  EXPECT_EQ(message_.error(), DWORD{WSAEMSGSIZE});
  EXPECT_EQ(message_.overlapped.InternalHigh, 4u);
  EXPECT_EQ(message_.message.dwFlags, DWORD{MSG_CTRUNC});
}

TEST_P(MessageTest, DataWithoutRoomIsCutAndSaidSo) {
  ASSERT_TRUE(peer_.Send("0123456789", own_));
  EXPECT_EQ(Receive(message_.ForReceiving(4), &bytes_), kMsgSize);
  EXPECT_EQ(bytes_, 4u);
  EXPECT_EQ(message_.data, "0123");
  EXPECT_EQ(message_.message.dwFlags, DWORD{MSG_TRUNC});
  EXPECT_EQ(message_.from(), peer_.endpoint());
}

TEST_P(MessageTest, APeekLeavesTheDatagramThere) {
  ASSERT_TRUE(peer_.Send("data", own_));
  message_.ForReceiving(100)->dwFlags = MSG_PEEK;
  ASSERT_EQ(Receive(&message_.message, &bytes_), kOk);
  EXPECT_EQ(message_.data.substr(0, 4), "data");
  EXPECT_EQ(message_.message.dwFlags, 0u);
  ASSERT_EQ(Receive(message_.ForReceiving(100), &bytes_), kOk);
  EXPECT_EQ(message_.data.substr(0, 4), "data");
}

TEST_P(MessageTest, TheBuffersAreFilledOneAfterTheOther) {
  ASSERT_TRUE(peer_.Send("0123456789", own_));
  message_.ForReceiving(10);
  WSABUF parts[] = {{3, &message_.data[0]}, {0, nullptr}, {7, nullptr}};
  std::string rest(7, '-');
  parts[2].buf = &rest[0];
  message_.message.lpBuffers = parts;
  message_.message.dwBufferCount = 3;
  ASSERT_EQ(Receive(&message_.message, &bytes_), kOk);
  EXPECT_EQ(message_.data.substr(0, 3), "012");
  EXPECT_EQ(rest, "3456789");
}

TEST_P(MessageTest, AMessageToAGroupSaysSo) {
  if (!is_ipv4()) GTEST_SKIP() << "no IPv6 group that every machine has";
  SOCKET any = INVALID_SOCKET;
  ASSERT_EQ(spi_->DatagramSocket(&any), kOk);
  sockaddr_in everywhere = {};
  everywhere.sin_family = AF_INET;
  int error = 0;
  ASSERT_EQ(
      spi_->table().lpWSPBind(any, reinterpret_cast<sockaddr*>(&everywhere),
                              sizeof(everywhere), &error),
      0);
  ASSERT_EQ(spi_->GetSockName(any, &own_), kOk);
  IP_MREQ group = {};
  group.imr_multiaddr.s_addr = htonl(0xef010203);  // 239.1.2.3
  group.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(spi_->table().lpWSPSetSockOpt(any, IPPROTO_IP, IP_ADD_MEMBERSHIP,
                                          reinterpret_cast<char*>(&group),
                                          sizeof(group), &error),
            0)
      << error;
  ASSERT_EQ(spi_->SetOption(socket_, IPPROTO_IP, IP_MULTICAST_IF,
                            static_cast<int>(group.imr_interface.s_addr)),
            kOk);
  // The first one has the provider ask how datagrams come.
  socket_ = std::exchange(any, socket_);
  message_.ForReceiving(10);
  Event event;
  message_.overlapped.hEvent = event.get();
  ASSERT_EQ(StartReceive(&message_), kPending);
  Message sent("to all");
  sent.ForSending(own_);
  sockaddr_in to = {};
  std::memcpy(&to, sent.address.get(), sizeof(to));
  to.sin_addr = group.imr_multiaddr;
  std::memcpy(sent.address.get(), &to, sizeof(to));
  EXPECT_EQ(CodeOfInt(send_(any, &sent.message, 0, &bytes_, nullptr, nullptr)),
            kOk);
  ASSERT_TRUE(event.Wait());
  EXPECT_EQ(message_.error(), 0u);
  EXPECT_EQ(message_.message.dwFlags, DWORD{MSG_MCAST});
}

// ----------------------------------------------------------------- overlapped

TEST_P(MessageTest, AnOverlappedCallWritesEverythingAtItsEnd) {
  Ask(packet_info());
  Event event;
  message_.overlapped.hEvent = event.get();
  message_.ForReceiving(100);
  ASSERT_EQ(StartReceive(&message_), kPending);
  ASSERT_TRUE(peer_.Send("data", own_));
  ASSERT_TRUE(event.Wait());
  EXPECT_EQ(message_.error(), 0u);
  EXPECT_EQ(message_.overlapped.InternalHigh, 4u);
  EXPECT_EQ(message_.data.substr(0, 4), "data");
  EXPECT_EQ(message_.from(), peer_.endpoint());
  EXPECT_TRUE(CameToLoopback(&message_));
}

struct {
  int count;
  DWORD error, bytes;
  LPWSAOVERLAPPED overlapped;
} told;

void CALLBACK NoteCompletion(DWORD error, DWORD bytes,
                             LPWSAOVERLAPPED overlapped, DWORD) {
  ++told.count;
  told.error = error;
  told.bytes = bytes;
  told.overlapped = overlapped;
}

TEST_P(MessageTest, TheRoutineRunsInTheThreadThatCalled) {
  told = {};
  // Again and again: no id of the thread stays open.
  for (int i = 1; i <= 3; ++i) {
    message_.ForReceiving(100);
    ASSERT_EQ(StartReceive(&message_, NoteCompletion), kPending);
    ASSERT_TRUE(peer_.Send("data", own_));
    while (told.count < i) spi_client::SleepAlertable(WSA_INFINITE);
    EXPECT_EQ(told.error, 0u);
    EXPECT_EQ(told.bytes, 4u);
    EXPECT_EQ(told.overlapped, &message_.overlapped);
    EXPECT_EQ(message_.from(), peer_.endpoint());
  }
}

TEST_P(MessageTest, TheRoutineOfASendRunsToo) {
  told = {};
  Message message("data");
  message.ForSending(peer_.endpoint());
  const WsaCode code = CodeOfInt(send_(socket_, &message.message, 0, nullptr,
                                       &message.overlapped, NoteCompletion));
  EXPECT_TRUE(code == kOk || code == kPending) << code;
  EXPECT_EQ(peer_.Receive().data, "data");
  while (told.count < 1) spi_client::SleepAlertable(WSA_INFINITE);
  EXPECT_EQ(told.bytes, 4u);
}

// The ids of threads that the provider has opened and not closed.
std::atomic<int> g_open_threads{0};

int WSPAPI CountOpening(LPWSATHREADID id, LPINT error) {
  ++g_open_threads;
  return spi_client::OpenCurrentThreadId(id, error);
}

int WSPAPI CountClosing(LPWSATHREADID id, LPINT error) {
  --g_open_threads;
  return spi_client::CloseThreadId(id, error);
}

TEST_P(MessageTest, WhatIsOpenedForARoutineIsClosedHoweverItEnds) {
  WSPUPCALLTABLE upcalls = spi_client::Upcalls();
  upcalls.lpWPUOpenCurrentThread = CountOpening;
  upcalls.lpWPUCloseThread = CountClosing;
  ASSERT_EQ(spi_->StartupWith(upcalls), kOk);
  g_open_threads = 0;
  told = {};
  // It fails at once.
  message_.ForReceiving(100);
  message_.message.namelen = 1;
  EXPECT_EQ(StartReceive(&message_, NoteCompletion), kFault);
  EXPECT_EQ(g_open_threads, 0);
  // It ends.
  message_.ForReceiving(100);
  ASSERT_EQ(StartReceive(&message_, NoteCompletion), kPending);
  EXPECT_EQ(g_open_threads, 1);
  ASSERT_TRUE(peer_.Send("data", own_));
  while (told.count < 1) spi_client::SleepAlertable(WSA_INFINITE);
  message_.ForReceiving(100);
  ASSERT_EQ(StartReceive(&message_, NoteCompletion), kPending);
  // It ends with its socket, and with all.
  SOCKET other = INVALID_SOCKET;
  ASSERT_EQ(spi_->DatagramSocket(&other, GetParam()), kOk);
  ASSERT_EQ(spi_->Bind(other, {GetParam(), 0}), kOk);
  ASSERT_EQ(spi_->Close(socket_), kOk);
  while (told.count < 2) spi_client::SleepAlertable(WSA_INFINITE);
  socket_ = other;
  Message last;
  last.ForReceiving(100);
  ASSERT_EQ(StartReceive(&last, NoteCompletion), kPending);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(g_open_threads, 0);
}

TEST_P(MessageTest, ClosingEndsAReceiveWithItsEvent) {
  Event event;
  message_.overlapped.hEvent = event.get();
  message_.ForReceiving(100);
  ASSERT_EQ(StartReceive(&message_), kPending);
  ASSERT_EQ(spi_->Close(socket_), kOk);
  EXPECT_TRUE(event.Wait());
  EXPECT_EQ(message_.error(), kAborted);
  EXPECT_EQ(message_.message.Control.len, sizeof(message_.control));
}

// -------------------------------------------------------------------- sending

TEST_P(MessageTest, AMessageGoesToItsAddressOrToThePeer) {
  Message message("to you");
  ASSERT_EQ(Send(message.ForSending(peer_.endpoint()), &bytes_), kOk);
  EXPECT_EQ(bytes_, 6u);
  const auto datagram = peer_.Receive();
  EXPECT_EQ(datagram.data, "to you");
  EXPECT_EQ(datagram.from, own_);
  message.message.name = nullptr;
  message.message.namelen = 0;
  EXPECT_EQ(Send(&message.message, &bytes_), WsaCode{WSAEDESTADDRREQ});
  ASSERT_EQ(spi_->Connect(socket_, peer_.endpoint()), kOk);
  EXPECT_EQ(Send(&message.message, &bytes_), kOk);
  EXPECT_EQ(peer_.Receive().data, "to you");
}

TEST_P(MessageTest, WhatIsSentWithADatagramArrivesWithIt) {
  const int hops = is_ipv4() ? IP_TTL : IPV6_HOPLIMIT;
  const int traffic = is_ipv4() ? IP_TOS : IPV6_TCLASS;
  Ask(packet_info());
  Ask(OfFamily(GetParam(), IP_RECVTTL, IPV6_HOPLIMIT));
  Ask(OfFamily(GetParam(), IP_RECVTOS, IPV6_RECVTCLASS));
  Message sent("data");
  sent.ForSending(own_);
  sent.AddControl(level(), hops, INT{33});
  sent.AddControl(level(), traffic, INT{8});
  // To itself.
  ASSERT_EQ(Send(&sent.message, &bytes_), kOk);
  message_.ForReceiving(100);
  ASSERT_EQ(Receive(&message_.message, &bytes_), kOk);
  EXPECT_EQ(message_.data.substr(0, 4), "data");
  INT number = 0;
  EXPECT_TRUE(message_.Get(level(), hops, &number));
  EXPECT_EQ(number, 33);
  EXPECT_TRUE(message_.Get(level(), traffic, &number));
  EXPECT_EQ(number, 8);
  EXPECT_TRUE(CameToLoopback(&message_));
}

TEST_P(MessageTest, PacketInformationChoosesTheSource) {
  if (!is_ipv4()) GTEST_SKIP() << "::1 is the only address of its kind";
  SOCKET any = INVALID_SOCKET;
  ASSERT_EQ(spi_->DatagramSocket(&any), kOk);
  Message sent("data");
  sent.ForSending(own_);
  IN_PKTINFO info = {};
  info.ipi_addr.s_addr = htonl(0x7f000005);
  sent.AddControl(IPPROTO_IP, IP_PKTINFO, info);
  ASSERT_EQ(CodeOfInt(send_(any, &sent.message, 0, &bytes_, nullptr, nullptr)),
            kOk);
  ASSERT_EQ(Receive(message_.ForReceiving(100), &bytes_), kOk);
  sockaddr_in from = {};
  std::memcpy(&from, message_.address.get(), sizeof(from));
  EXPECT_EQ(from.sin_addr.s_addr, info.ipi_addr.s_addr);
}

TEST_P(MessageTest, AncillaryDataHaveToBeSome) {
  Message message("x");
  message.ForSending(peer_.endpoint());
  message.AddControl(level(), 12345, INT{1});
  EXPECT_EQ(Send(&message.message, &bytes_), kInval);
  reinterpret_cast<WSACMSGHDR*>(message.control)->cmsg_len = 1000;
  EXPECT_EQ(Send(&message.message, &bytes_), kInval);
  message.message.Control = {24, nullptr};
  EXPECT_EQ(Send(&message.message, &bytes_), kFault);
  EXPECT_EQ(bytes_, 77u);
}

// ------------------------------------------------------------------ arguments

TEST_P(MessageTest, MissingArgumentsAreFaults) {
  EXPECT_EQ(Receive(nullptr, &bytes_), kFault);
  EXPECT_EQ(Receive(message_.ForReceiving(10), nullptr), kFault);
  message_.ForReceiving(10)->name = nullptr;
  EXPECT_EQ(Receive(&message_.message, &bytes_), kFault);
  message_.ForReceiving(10)->namelen = 5;
  EXPECT_EQ(Receive(&message_.message, &bytes_), kFault);
  message_.ForReceiving(10)->Control = {10, nullptr};
  EXPECT_EQ(Receive(&message_.message, &bytes_), kFault);
  message_.ForReceiving(10)->lpBuffers = nullptr;
  EXPECT_EQ(Receive(&message_.message, &bytes_), kFault);
  EXPECT_EQ(Send(nullptr, &bytes_), kFault);
  Message message("x");
  EXPECT_EQ(Send(message.ForSending(peer_.endpoint()), nullptr), kFault);
}

TEST_P(MessageTest, OnlyPeeksMayBeAskedFor) {
  for (const DWORD flag : {MSG_OOB, MSG_WAITALL, MSG_PARTIAL}) {
    message_.ForReceiving(10)->dwFlags = flag;
    EXPECT_EQ(Receive(&message_.message, &bytes_), kNotSupported) << flag;
  }
}

TEST_P(MessageTest, StreamsHaveNoMessages) {
  Connection connection = Connect();
  ASSERT_TRUE(connection.peer.Write("data"));
  socket_ = connection.socket;
  EXPECT_EQ(Receive(message_.ForReceiving(10), &bytes_), kNotSupported);
  Message message("x");
  EXPECT_EQ(Send(message.WithBuffer(), &bytes_), kNotSupported);
}

TEST_P(MessageTest, NeedsASocketAndAStartup) {
  ASSERT_EQ(spi_->Close(socket_), kOk);
  EXPECT_EQ(Receive(message_.ForReceiving(10), &bytes_), WsaCode{WSAENOTSOCK});
  ASSERT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(Receive(message_.ForReceiving(10), &bytes_),
            WsaCode{WSANOTINITIALISED});
}

TEST_P(MessageTest, NonBlockingCallsDoNotWait) {
  ASSERT_EQ(spi_->SetNonBlocking(socket_, true), kOk);
  EXPECT_EQ(Receive(message_.ForReceiving(10), &bytes_),
            WsaCode{WSAEWOULDBLOCK});
  EXPECT_EQ(message_.message.Control.len, sizeof(message_.control));
}

INSTANTIATE_TEST_SUITE_P(Families, MessageTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& info) {
                           return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

}  // namespace
}  // namespace wspd::testing
