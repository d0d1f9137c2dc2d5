// Binds of several clients' sockets: who may have an address, and until when.
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <map>
#include <memory>

#include "absl/time/clock.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/address_table.h"
#include "daemon/winsock/winsock_socket_fixture.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

constexpr int kSolSocket = 0xffff;
constexpr int kReuseAddr = 4;
constexpr int kExclusiveAddrUse = ~4;

class WinsockBindingTest : public WinsockSocketTest {
 protected:
  ~WinsockBindingTest() override {
    user_->AbortAll();
    other_user_->AbortAll();
  }

  using Client = std::shared_ptr<FakeCallSink>;
  using Descriptor = std::shared_ptr<SocketDescriptor>;

  Descriptor Make(const Client& client, int type = SOCK_STREAM) {
    return MakeFor(client, ++last_socket_, type);
  }
  CallResult Run(const Descriptor& socket, const wsp::v1::Call& message) {
    return WinsockSocketTest::Run(socket.get(), message);
  }

  static wsp::v1::Call BindCall(uint32_t address, int port) {
    wsp::v1::Call call;
    auto* ipv4 = call.mutable_bind()->mutable_address()->mutable_ipv4();
    ipv4->set_address(address);
    ipv4->set_port(port);
    return call;
  }
  // Returns the error; the port, if it was 0, comes to `*port`.
  uint32_t Bind(const Descriptor& socket, int* port,
                uint32_t address = INADDR_LOOPBACK) {
    const CallResult result = Run(socket, BindCall(address, *port));
    wsp::v1::BindResult message;
    message.ParseFromString(result.body);
    if (*port == 0) *port = static_cast<int>(message.local().ipv4().port());
    return result.wsa_error;
  }
  uint32_t Set(const Descriptor& socket, int option) {
    wsp::v1::Call call;
    call.mutable_set_sock_opt()->set_level(kSolSocket);
    call.mutable_set_sock_opt()->set_option(option);
    call.mutable_set_sock_opt()->mutable_value()->set_number(1);
    return Run(socket, call).wsa_error;
  }
  uint32_t Close(const Descriptor& socket) {
    wsp::v1::Call call;
    call.mutable_close_socket();
    return Run(socket, call).wsa_error;
  }

  const Client user_ = std::make_shared<FakeCallSink>(1000);
  const Client other_user_ = std::make_shared<FakeCallSink>(1001);
  uint64_t last_socket_ = 0;
};

// As a Linux program may that has a socket of the daemon's.
TEST_F(WinsockBindingTest, AKernelsSocketThatReusesGetsNobodysDatagrams) {
  for (const uint32_t address : {INADDR_LOOPBACK, INADDR_ANY}) {
    int port = 0;
    const Descriptor first = Make(user_, SOCK_DGRAM);
    ASSERT_EQ(Bind(first, &port, address), 0);
    const OwnedFd stranger(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(stranger.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in wanted{};
    wanted.sin_family = AF_INET;
    wanted.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    wanted.sin_port = htons(static_cast<uint16_t>(port));
    EXPECT_EQ(bind(stranger.get(), reinterpret_cast<sockaddr*>(&wanted),
                   sizeof(wanted)),
              -1);
    EXPECT_EQ(errno, EADDRINUSE);
  }
}

TEST_F(WinsockBindingTest, AnAddressIsSharedAmongOneUsersSocketsOnly) {
  int port = 0;
  const Descriptor first = Make(user_);
  EXPECT_EQ(Set(first, kReuseAddr), 0);
  EXPECT_EQ(Bind(first, &port), 0);
  const Descriptor foreign = Make(other_user_);
  EXPECT_EQ(Set(foreign, kReuseAddr), 0);
  EXPECT_EQ(Bind(foreign, &port), kWsaAcces);
  const Descriptor own = Make(user_);
  EXPECT_EQ(Set(own, kReuseAddr), 0);
  EXPECT_EQ(Bind(own, &port), 0);
}

TEST_F(WinsockBindingTest, NobodyGetsAPartOfAnotherUsersAddress) {
  int port = 0;
  EXPECT_EQ(Bind(Make(user_), &port, INADDR_ANY), 0);
  EXPECT_EQ(Bind(Make(other_user_), &port), kWsaAcces);
  EXPECT_EQ(Bind(Make(user_), &port), 0);
}

TEST_F(WinsockBindingTest, ASharedSocketKeepsItsAddressForItsLastOwner) {
  int port = 0;
  const Descriptor first = Make(user_);
  EXPECT_EQ(Bind(first, &port), 0);
  const auto second =
      std::make_shared<SocketDescriptor>(first->socket(), user_, 99);
  EXPECT_EQ(Close(first), 0);
  EXPECT_EQ(Bind(Make(user_), &port), kWsaAddrInUse);
  second->Abort();
  EXPECT_EQ(Bind(Make(user_), &port), 0);
}

TEST_F(WinsockBindingTest, CloseAndCleanupFreeTheAddress) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    int port = 0;
    const Descriptor closed = Make(user_, type);
    EXPECT_EQ(Bind(closed, &port), 0);
    EXPECT_EQ(environment_.addresses->size(), 1);
    EXPECT_EQ(Close(closed), 0);
    EXPECT_EQ(environment_.addresses->size(), 0);
    const Descriptor cleaned = Make(user_, type);
    EXPECT_EQ(Bind(cleaned, &port), 0);
    cleaned->Abort();
    EXPECT_EQ(environment_.addresses->size(), 0);
  }
}

TEST_F(WinsockBindingTest, WhatLingersKeepsTheAddressUntilItEnds) {
  const TcpListener listener = ListenOnLoopback();
  int port = 0;
  const Descriptor socket = Make(user_);
  EXPECT_EQ(Bind(socket, &port), 0);
  EXPECT_EQ(Run(socket, ConnectCall(listener.port)).wsa_error, 0);
  OwnedFd peer(accept(listener.fd.get(), nullptr, nullptr));
  EXPECT_EQ(Close(socket), 0);
  EXPECT_EQ(lingerer_.size(), 1);
  EXPECT_EQ(Bind(Make(user_), &port), kWsaAddrInUse);
  peer.Reset();
  const absl::Time end = absl::Now() + absl::Minutes(1);
  while (lingerer_.size() > 0 && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_EQ(Bind(Make(user_), &port), 0);
}

TEST_F(WinsockBindingTest, ABroadcastAddressIsForDatagramsThatMayBroadcast) {
  constexpr int kBroadcast = 0x20;
  int port = 0;
  const Descriptor socket = Make(user_, SOCK_DGRAM);
  for (const uint32_t address : {0x7fffffffu, INADDR_BROADCAST}) {
    EXPECT_EQ(Bind(socket, &port, address), kWsaAcces);
    EXPECT_EQ(environment_.addresses->size(), 0);
  }
  EXPECT_EQ(Set(socket, kBroadcast), 0);
  EXPECT_EQ(Bind(socket, &port, 0x7fffffff), 0);
}

TEST_F(WinsockBindingTest, AFailedBindTakesNothing) {
  const TcpListener foreign = ListenOnLoopback();
  int port = foreign.port;
  const Descriptor socket = Make(user_);
  EXPECT_EQ(Bind(socket, &port), kWsaAddrInUse);
  EXPECT_EQ(environment_.addresses->size(), 0);
  const CallResult elsewhere = Run(socket, BindCall(0x01020304, 0));
  EXPECT_EQ(elsewhere.wsa_error, kWsaAddrNotAvail);
  EXPECT_EQ(environment_.addresses->size(), 0);
  int other_port = 0;
  EXPECT_EQ(Bind(socket, &other_port), 0);
}

TEST_F(WinsockBindingTest, PortsThatTheKernelChoosesAreNobodyElses) {
  std::map<int, int> uses;
  for (int i = 0; i < 200; ++i) {
    int port = 0;
    const Descriptor socket = Make(user_, SOCK_DGRAM);
    EXPECT_EQ(Set(socket, kReuseAddr), 0);
    EXPECT_EQ(Bind(socket, &port), 0);
    EXPECT_EQ(++uses[port], 1);
  }
}

TEST_F(WinsockBindingTest, ConnectionsOfAnExclusiveListenerHoldItsAddress) {
  for (const bool exclusive : {false, true}) {
    int port = 0;
    const Descriptor listener = Make(user_);
    if (exclusive) {
      EXPECT_EQ(Set(listener, kExclusiveAddrUse), 0);
    }
    EXPECT_EQ(Bind(listener, &port), 0);
    wsp::v1::Call listen;
    listen.mutable_listen()->set_backlog(1);
    EXPECT_EQ(Run(listener, listen).wsa_error, 0);
    const OwnedFd peer = ConnectToLoopback(port);
    wsp::v1::Call accept;
    accept.mutable_accept()->set_accepted_socket_id(++last_socket_);
    EXPECT_EQ(Run(listener, accept).wsa_error, 0);
    const Descriptor accepted = user_->FindSocket(last_socket_);
    EXPECT_EQ(Close(listener), 0);
    EXPECT_EQ(Bind(Make(user_), &port), exclusive ? kWsaAddrInUse : 0);
    accepted->Abort();
    if (exclusive) {
      EXPECT_EQ(Bind(Make(user_), &port), 0);
    }
  }
}

}  // namespace
}  // namespace wspd
