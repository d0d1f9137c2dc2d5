// WSASendMsg with control data: for one datagram, what options set for all
// (4.9, 4.10).
#include <cstring>
#include <string>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/conformance/datagram_fixture.h"
#include "tests/testing/wait_until.h"
// After the Winsock headers.
#include <mswsock.h>

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;

// A message to send, its control data piece by piece.
class OutgoingMessage {
 public:
  OutgoingMessage(const SockAddr& to, const std::string& data)
      : to_(to), data_(data) {}

  void Add(int level, int type, const void* data, size_t size) {
    const WSACMSGHDR header = {sizeof(header) + size, level, type};
    const size_t at = control_.size() * sizeof(uint64_t);
    // Each begins at a multiple of 8.
    control_.resize(control_.size() + (sizeof(header) + size + 7) / 8);
    char* const place = reinterpret_cast<char*>(control_.data()) + at;
    std::memcpy(place, &header, sizeof(header));
    std::memcpy(place + sizeof(header), data, size);
  }
  void Add(int level, int type, int value) {
    Add(level, type, &value, sizeof(value));
  }

  // Valid as long as this.
  LPWSAMSG Get() {
    part_ = {static_cast<u_long>(data_.size()), &data_[0]};
    const auto size = static_cast<u_long>(control_.size() * sizeof(uint64_t));
    message_ = {to_.get(),
                to_.length(),
                &part_,
                1,
                {size, reinterpret_cast<char*>(control_.data())},
                0};
    return &message_;
  }

 private:
  SockAddr to_;
  std::string data_;
  std::vector<uint64_t> control_;
  WSABUF part_ = {};
  WSAMSG message_ = {};
};

class AncillarySendTest : public DatagramFamilyTest {
 protected:
  void SetUp() override {
    DatagramFamilyTest::SetUp();
    peer_.AskForFields();
  }
  WsaCode Send(SOCKET s, OutgoingMessage* message, const Overlap& overlap = {},
               DWORD* sent = nullptr) {
    const auto function =
        reinterpret_cast<LPFN_WSASENDMSG>(FindExtension(s, WSAID_WSASENDMSG));
    EXPECT_NE(function, nullptr);
    if (function == nullptr) return kNoErrorGiven;
    DWORD count = 0;
    WSASetLastError(0);
    if (function(s, message->Get(), 0, sent != nullptr ? sent : &count,
                 overlap.overlapped, overlap.routine) == 0) {
      return kOk;
    }
    const int error = WSAGetLastError();
    return error == 0 ? kNoErrorGiven : WsaCode{error};
  }
  OutgoingMessage NewMessage(const std::string& data = "hello") {
    return OutgoingMessage(SockAddr::Of(peer_.endpoint()), data);
  }
  bool ipv4() const { return family() == Family::kIpv4; }
  void AddHops(OutgoingMessage* message, int hops) {
    message->Add(ipv4() ? IPPROTO_IP : IPPROTO_IPV6,
                 ipv4() ? IP_TTL : IPV6_HOPLIMIT, hops);
  }
  void AddTrafficClass(OutgoingMessage* message, int traffic_class) {
    message->Add(ipv4() ? IPPROTO_IP : IPPROTO_IPV6,
                 ipv4() ? IP_TOS : IPV6_TCLASS, traffic_class);
  }
};
WSPD_FOR_BOTH_FAMILIES(AncillarySendTest);

// 4.10 TTL 4; HOPLIMIT 21.
TEST_P(AncillarySendTest, HopsAreThoseOfTheMessage) {
  const SOCKET s = NewDatagrams(family());
  OutgoingMessage message = NewMessage();
  AddHops(&message, 77);
  ASSERT_EQ(Send(s, &message), kOk);
  const PeerDatagrams::Datagram received = peer_.Receive();
  EXPECT_EQ(received.data, "hello");
  EXPECT_EQ(received.hops, 77);
}

// 4.10 TOS 3; TCLASS 39.
TEST_P(AncillarySendTest, TrafficClassIsThatOfTheMessage) {
  const SOCKET s = NewDatagrams(family());
  OutgoingMessage message = NewMessage();
  AddTrafficClass(&message, 0x28);
  ASSERT_EQ(Send(s, &message), kOk);
  const PeerDatagrams::Datagram received = peer_.Receive();
  EXPECT_EQ(received.data, "hello");
  EXPECT_EQ(received.traffic_class, 0x28);
}

// Of that message alone: the next goes out as the socket has it.
TEST_P(AncillarySendTest, NextMessageHasWhatTheSocketHas) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(SetInt(s, ipv4() ? IPPROTO_IP : IPPROTO_IPV6,
                   OfFamily(family(), IP_TTL, IPV6_UNICAST_HOPS), 55),
            kOk);
  OutgoingMessage message = NewMessage();
  AddHops(&message, 77);
  AddTrafficClass(&message, 0x28);
  ASSERT_EQ(Send(s, &message), kOk);
  OutgoingMessage plain = NewMessage("plain");
  ASSERT_EQ(Send(s, &plain), kOk);
  EXPECT_EQ(peer_.Receive().hops, 77);
  const PeerDatagrams::Datagram received = peer_.Receive();
  EXPECT_EQ(received.data, "plain");
  EXPECT_EQ(received.hops, 55);
  EXPECT_EQ(received.traffic_class, 0);
}

TEST_P(AncillarySendTest, SeveralThingsGoTogether) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  ASSERT_EQ(Bind(s, SockAddr::Any(family())), kOk);
  OutgoingMessage message = NewMessage();
  AddHops(&message, 78);
  if (ipv4()) {
    // Windows' structure: the address, then the interface.
    const struct { u_long address, interface; } info = {htonl(0x7f000009), 0};
    message.Add(IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
  } else {
    const struct {
      in6_addr address;
      u_long interface;
    } info = {in6addr_loopback, 0};
    message.Add(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
  }
  AddTrafficClass(&message, 0x48);
  ASSERT_EQ(Send(s, &message), kOk);
  const PeerDatagrams::Datagram received = peer_.Receive();
  EXPECT_EQ(received.from_address, ipv4() ? "127.0.0.9" : "::1");
  EXPECT_EQ(received.hops, 78);
  EXPECT_EQ(received.traffic_class, 0x48);
}

TEST_P(AncillarySendTest, OverlappedSendTakesItAlong) {
  const SOCKET s = NewDatagrams(family());
  OutgoingMessage message = NewMessage();
  AddHops(&message, 79);
  Overlapped& send = NewOverlapped();
  ASSERT_THAT(Send(s, &message, send.WithEvent()), AnyOf(kOk, kPending));
  ASSERT_TRUE(send.event.Wait(kSoonMs));
  EXPECT_EQ(peer_.Receive().hops, 79);
}

thread_local int routines_run;
thread_local DWORD routine_bytes;
void CALLBACK CountRun(DWORD, DWORD bytes, LPWSAOVERLAPPED, DWORD) {
  ++routines_run;
  routine_bytes = bytes;
}

TEST_P(AncillarySendTest, OverlappedSendCallsItsRoutine) {
  const SOCKET s = NewDatagrams(family());
  OutgoingMessage message = NewMessage();
  Overlapped& send = NewOverlapped();
  ASSERT_THAT(Send(s, &message, send.WithRoutine(CountRun)),
              AnyOf(kOk, kPending));
  EXPECT_EQ(spi_client::SleepAlertable(kSoonMs), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routines_run, 1);
  EXPECT_EQ(routine_bytes, 5u);
  ExpectNext(&peer_, "hello");
}

// Control data whose length goes beyond their end.
TEST_P(AncillarySendTest, CutControlDataIsAnError) {
  const SOCKET s = NewDatagrams(family());
  OutgoingMessage message = NewMessage();
  AddHops(&message, 77);
  LPWSAMSG const cut = message.Get();
  const auto function =
      reinterpret_cast<LPFN_WSASENDMSG>(FindExtension(s, WSAID_WSASENDMSG));
  ASSERT_NE(function, nullptr);
  cut->Control.len = sizeof(WSACMSGHDR) + 2;
  DWORD sent = 0;
  EXPECT_EQ(function(s, cut, 0, &sent, nullptr, nullptr), SOCKET_ERROR);
  EXPECT_THAT((WsaCode{WSAGetLastError()}),
              AnyOf(WsaCode{WSAEINVAL}, WsaCode{WSAEFAULT}));
}

// 4.9: datagram/raw.
TEST_P(AncillarySendTest, StreamSocketHasNoMessages) {
  const Pair pair = NewConnection(family());
  OutgoingMessage message = NewMessage();
  EXPECT_THAT(Send(pair.socket, &message),
              AnyOf(WsaCode{WSAEINVAL}, WsaCode{WSAEOPNOTSUPP}));
}

}  // namespace
}  // namespace wspd::conformance
