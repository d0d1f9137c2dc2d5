// WSPIoctl's requests to be told when the network changes:
// SIO_ADDRESS_LIST_CHANGE and SIO_ROUTING_INTERFACE_CHANGE (reference, sections
// 4.3 and 4.9); in a network namespace that changes.
#include <string>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/spi/network_change_fixture.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kInvalid{WSAEINVAL};
constexpr WsaCode kFault{WSAEFAULT};
constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};

class NetworkChangeTest : public ChangeTest {
 protected:
  void ExpectDone(const SOCKET s, Request* request) {
    EXPECT_TRUE(request->event.Wait());
    DWORD bytes = 77;
    EXPECT_EQ(spi_->GetResult(s, &request->operation, false, &bytes), kOk);
    EXPECT_EQ(bytes, 0u);
    EXPECT_EQ(request->operation.status(), 0u);
  }
};

// ------------------------------------------------------------------ addresses

TEST_F(NetworkChangeTest, NewAddressEndsTheRequest) {
  Request request;
  ASSERT_EQ(StartAddressChange(ipv4_, &request), kPending);
  EXPECT_TRUE(request.operation.is_pending());
  EXPECT_FALSE(request.event.IsSet());
  ASSERT_TRUE(Ip("addr add 192.0.2.2/24 dev v0"));
  ExpectDone(ipv4_, &request);
  // It was for one change.
  Request next;
  ASSERT_EQ(StartAddressChange(ipv4_, &next), kPending);
  ASSERT_TRUE(Ip("addr del 192.0.2.2/24 dev v0"));
  ExpectDone(ipv4_, &next);
}

TEST_F(NetworkChangeTest, InterfaceThatGoesDownTakesItsAddresses) {
  Request request;
  ASSERT_EQ(StartAddressChange(ipv4_, &request), kPending);
  ASSERT_TRUE(Ip("link set v0 down"));
  ExpectDone(ipv4_, &request);
}

TEST_F(NetworkChangeTest, AllSocketsHearOfIt) {
  SOCKET datagrams;
  ASSERT_EQ(spi_->DatagramSocket(&datagrams), kOk);
  std::vector<Request> requests(20);
  for (size_t i = 0; i < requests.size(); ++i) {
    ASSERT_EQ(StartAddressChange(i % 2 == 0 ? ipv4_ : datagrams, &requests[i]),
              kPending);
  }
  ASSERT_TRUE(Ip("addr add 192.0.2.2/24 dev v0"));
  for (size_t i = 0; i < requests.size(); ++i) {
    ExpectDone(i % 2 == 0 ? ipv4_ : datagrams, &requests[i]);
  }
}

TEST_F(NetworkChangeTest, EachFamilyHasItsOwn) {
  Request ipv4, ipv6;
  ASSERT_EQ(StartAddressChange(ipv4_, &ipv4), kPending);
  ASSERT_EQ(StartAddressChange(ipv6_, &ipv6), kPending);
  ASSERT_TRUE(Ip("addr add 2001:db8::2/64 dev v0 nodad"));
  ExpectDone(ipv6_, &ipv6);
  EXPECT_TRUE(ipv4.operation.is_pending());
  ASSERT_TRUE(Ip("addr add 192.0.2.2/24 dev v0"));
  ExpectDone(ipv4_, &ipv4);
}

TEST_F(NetworkChangeTest, LoopbackAddressesDontCount) {
  Request loopback, ipv6;
  ASSERT_EQ(StartAddressChange(ipv4_, &loopback), kPending);
  ASSERT_EQ(StartAddressChange(ipv6_, &ipv6), kPending);
  ASSERT_TRUE(Ip("addr add 127.0.0.2/8 dev lo"));
  // What came before this was looked at before it.
  ASSERT_TRUE(Ip("addr add 2001:db8::2/64 dev v0 nodad"));
  ExpectDone(ipv6_, &ipv6);
  EXPECT_TRUE(loopback.operation.is_pending());
  EXPECT_EQ(spi_->Close(ipv4_), kOk);
  EXPECT_TRUE(loopback.event.Wait());
}

// --------------------------------------------------------------------- routes

TEST_F(NetworkChangeTest, ARouteWhereThereWasNoneEndsTheRequest) {
  Request request;
  ASSERT_EQ(StartRoutingChange(ipv4_, {203, 0, 113, 9}, &request), kPending);
  ASSERT_TRUE(Ip("route add default via 192.0.2.77"));
  ExpectDone(ipv4_, &request);
  ASSERT_EQ(StartRoutingChange(ipv4_, {203, 0, 113, 9}, &request), kPending);
  ASSERT_TRUE(Ip("route del default"));
  ExpectDone(ipv4_, &request);
}

TEST_F(NetworkChangeTest, ARouteToElsewhereDoesnt) {
  Request here, elsewhere;
  ASSERT_EQ(StartRoutingChange(ipv4_, {192, 0, 2, 77}, &here), kPending);
  ASSERT_EQ(StartRoutingChange(ipv4_, {203, 0, 113, 9}, &elsewhere), kPending);
  ASSERT_TRUE(Ip("route add 203.0.113.0/24 via 192.0.2.77"));
  ExpectDone(ipv4_, &elsewhere);
  EXPECT_TRUE(here.operation.is_pending());
  // Another address to send from.
  ASSERT_TRUE(Ip("addr add 192.0.2.5/32 dev v0"));
  ASSERT_TRUE(Ip("route add 192.0.2.77/32 dev v0 src 192.0.2.5"));
  ExpectDone(ipv4_, &here);
}

TEST_F(NetworkChangeTest, InterfaceThatGoesDownTakesItsRoutes) {
  Request request;
  ASSERT_EQ(StartRoutingChange(ipv4_, {192, 0, 2, 77}, &request), kPending);
  ASSERT_TRUE(Ip("link set v0 down"));
  ExpectDone(ipv4_, &request);
}

TEST_F(NetworkChangeTest, RoutingRequestLooksAtItsDestination) {
  DWORD returned = 0;
  sockaddr_in to = Ipv4({192, 0, 2, 77});
  const auto change = [&](const void* in, size_t size) {
    return Ioctl(ipv4_, SIO_ROUTING_INTERFACE_CHANGE, in, size, &returned);
  };
  EXPECT_EQ(change(nullptr, 0), kInvalid);
  EXPECT_EQ(change(&to, sizeof(to) - 1), kInvalid);
  sockaddr_in any = Ipv4({0, 0, 0, 0});
  EXPECT_EQ(change(&any, sizeof(any)), kInvalid);
  to.sin_family = AF_INET6;
  EXPECT_EQ(change(&to, sizeof(to)), WsaCode{WSAEAFNOSUPPORT});
  EXPECT_EQ(Ioctl(ipv4_, SIO_ADDRESS_LIST_CHANGE, nullptr, 0, nullptr), kFault);
}

// ------------------------------------------------------------ ways of waiting

int routine_calls;
DWORD routine_error;

void CALLBACK NoteCompletion(DWORD error, DWORD bytes, LPWSAOVERLAPPED, DWORD) {
  ++routine_calls;
  routine_error = error;
  EXPECT_EQ(bytes, 0u);
}

TEST_F(NetworkChangeTest, RoutineRunsInAnAlertableWait) {
  routine_calls = 0;
  Request request;
  ASSERT_EQ(StartAddressChange(ipv4_, &request, NoteCompletion), kPending);
  ASSERT_TRUE(Ip("addr add 192.0.2.2/24 dev v0"));
  ASSERT_TRUE(WaitUntil([&] { return !request.operation.is_pending(); }));
  EXPECT_EQ(routine_calls, 0);
  EXPECT_EQ(spi_client::SleepAlertable(20000), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routine_calls, 1);
  EXPECT_EQ(routine_error, 0u);
  EXPECT_FALSE(request.event.IsSet());
}

TEST_F(NetworkChangeTest, WithoutAnOverlappedTheCallWaits) {
  ThreadGroup threads;
  threads.Start("address list", [&] {
    DWORD returned = 77;
    EXPECT_EQ(Ioctl(ipv4_, SIO_ADDRESS_LIST_CHANGE, nullptr, 0, &returned),
              kOk);
    EXPECT_EQ(returned, 0u);
  });
  threads.Start("routing interface", [&] {
    DWORD returned = 77;
    const sockaddr_in to = Ipv4({203, 0, 113, 9});
    EXPECT_EQ(
        Ioctl(ipv4_, SIO_ROUTING_INTERFACE_CHANGE, &to, sizeof(to), &returned),
        kOk);
    EXPECT_EQ(returned, 0u);
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_EQ(threads.ended(), 0);
  ASSERT_TRUE(Ip("addr add 203.0.113.1/24 dev v0"));
  threads.JoinAll(seconds(10));
}

TEST_F(NetworkChangeTest, OnANonBlockingSocketItWouldBlock) {
  ASSERT_EQ(spi_->SetNonBlocking(ipv4_, true), kOk);
  DWORD returned = 77;
  EXPECT_EQ(Ioctl(ipv4_, SIO_ADDRESS_LIST_CHANGE, nullptr, 0, &returned),
            kWouldBlock);
  const sockaddr_in to = Ipv4({203, 0, 113, 9});
  EXPECT_EQ(
      Ioctl(ipv4_, SIO_ROUTING_INTERFACE_CHANGE, &to, sizeof(to), &returned),
      kWouldBlock);
  EXPECT_EQ(returned, 77u);
  // Which doesn't apply to overlapped requests.
  Request request;
  ASSERT_EQ(StartAddressChange(ipv4_, &request), kPending);
  ASSERT_TRUE(Ip("addr add 192.0.2.2/24 dev v0"));
  ExpectDone(ipv4_, &request);
}

TEST_F(NetworkChangeTest, WhatWouldBlockBecomesANetworkEvent) {
  Event event;
  int error = 0;
  ASSERT_EQ(spi_->table().lpWSPEventSelect(
                ipv4_, event.get(),
                FD_ADDRESS_LIST_CHANGE | FD_ROUTING_INTERFACE_CHANGE, &error),
            0);
  const auto enumerated = [&] {
    WSANETWORKEVENTS events = {};
    EXPECT_EQ(spi_->table().lpWSPEnumNetworkEvents(ipv4_, event.get(), &events,
                                                   &error),
              0);
    EXPECT_EQ(events.iErrorCode[FD_ADDRESS_LIST_CHANGE_BIT], 0);
    EXPECT_EQ(events.iErrorCode[FD_ROUTING_INTERFACE_CHANGE_BIT], 0);
    return events.lNetworkEvents;
  };
  DWORD returned = 0;
  ASSERT_EQ(Ioctl(ipv4_, SIO_ADDRESS_LIST_CHANGE, nullptr, 0, &returned),
            kWouldBlock);
  EXPECT_FALSE(event.IsSet());
  ASSERT_TRUE(Ip("addr add 192.0.2.2/24 dev v0"));
  ASSERT_TRUE(event.Wait());
  EXPECT_EQ(enumerated(), FD_ADDRESS_LIST_CHANGE);
  // The request was for one change: of the next nobody is told.
  ASSERT_TRUE(Ip("addr add 192.0.2.3/24 dev v0"));
  const sockaddr_in to = Ipv4({203, 0, 113, 9});
  ASSERT_EQ(
      Ioctl(ipv4_, SIO_ROUTING_INTERFACE_CHANGE, &to, sizeof(to), &returned),
      kWouldBlock);
  ASSERT_TRUE(Ip("route add default via 192.0.2.77"));
  ASSERT_TRUE(event.Wait());
  EXPECT_EQ(enumerated(), FD_ROUTING_INTERFACE_CHANGE);
}

TEST_F(NetworkChangeTest, SocketThatIsNotForOverlappedCallsWaits) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, Family::kIpv4, 0), kOk);
  ASSERT_EQ(spi_->SetNonBlocking(s, true), kOk);
  ThreadGroup threads;
  threads.Start("address list", [&] {
    Request request;
    request.operation.overlapped.Internal = 77;
    EXPECT_EQ(StartAddressChange(s, &request), kOk);
    EXPECT_EQ(request.operation.status(), 77u);
    EXPECT_FALSE(request.event.IsSet());
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_EQ(threads.ended(), 0);
  ASSERT_TRUE(Ip("addr add 192.0.2.2/24 dev v0"));
  threads.JoinAll(seconds(10));
}

}  // namespace
}  // namespace wspd::testing
