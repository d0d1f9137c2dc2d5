// Who may bind an address that somebody has bound: SO_REUSEADDR and
// SO_EXCLUSIVEADDRUSE (reference, section 4.10, "Bind exclusivity").
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <tuple>
#include <vector>

#include "tests/testing/provider_test.h"
// After the Winsock headers.
#include <ws2tcpip.h>

namespace wspd::testing {
namespace {

constexpr WsaCode kInval{WSAEINVAL};
constexpr WsaCode kAddrInUse{WSAEADDRINUSE};
constexpr WsaCode kAcces{WSAEACCES};

constexpr unsigned char kLoopback[4] = {127, 0, 0, 1};

// Where a socket is bound to.
enum class Place { kAny, kLoopback };
enum class Use { kDefault, kReuse, kExclusive };

// A socket address of either family; of IPv6 also IPv4's loopback, mapped.
struct Name {
  union {
    sockaddr_in in;
    sockaddr_in6 in6;
  };
  int length;

  Name(Family family, Place place, u_short port) : in6() {
    in6.sin6_port = htons(port);  // at the same place in both
    if (family == Family::kIpv4) {
      in.sin_family = AF_INET;
      length = sizeof in;
      if (place == Place::kLoopback) {
        std::memcpy(&in.sin_addr, kLoopback, sizeof kLoopback);
      }
    } else {
      in6.sin6_family = AF_INET6;
      length = sizeof in6;
      if (place == Place::kLoopback) {
        reinterpret_cast<unsigned char*>(&in6.sin6_addr)[15] = 1;
      }
    }
  }
  void MapIpv4Loopback() {
    auto* bytes = reinterpret_cast<unsigned char*>(&in6.sin6_addr);
    std::memset(bytes, 0, 16);
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(bytes + 12, kLoopback, sizeof kLoopback);
  }
};

class BindTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  WsaCode Set(SOCKET s, Use use) {
    if (use == Use::kDefault) return kOk;
    return spi_->SetOption(
        s, SOL_SOCKET, use == Use::kReuse ? SO_REUSEADDR : SO_EXCLUSIVEADDRUSE,
        1);
  }
  WsaCode Bind(SOCKET s, Name name) {
    int error = 0;
    const int result = spi_->table().lpWSPBind(
        s, reinterpret_cast<sockaddr*>(&name.in), name.length, &error);
    return result == 0 ? kOk : WsaCode{error};
  }
  u_short PortOf(SOCKET s) {
    Endpoint endpoint;
    EXPECT_EQ(spi_->GetSockName(s, &endpoint), kOk);
    return endpoint.port;
  }

  // A port that nobody has on any address.
  u_short FreePort(Family family, bool datagrams) {
    const SOCKET s = NewSocket(family, datagrams, Use::kExclusive);
    EXPECT_EQ(Bind(s, Name(family, Place::kAny, 0)), kOk);
    const u_short port = PortOf(s);
    EXPECT_EQ(spi_->Close(s), kOk);
    return port;
  }

  SOCKET NewSocket(Family family, bool datagrams, Use use) {
    SOCKET s;
    EXPECT_EQ(
        datagrams ? spi_->DatagramSocket(&s, family) : spi_->Socket(&s, family),
        kOk);
    EXPECT_EQ(Set(s, use), kOk);
    return s;
  }
  // Of IPv6, and for IPv4 too.
  SOCKET NewDualSocket(Use use) {
    const SOCKET s = NewSocket(Family::kIpv6, false, use);
    EXPECT_EQ(spi_->SetOption(s, IPPROTO_IPV6, IPV6_V6ONLY, 0), kOk);
    return s;
  }
};

// The matrix as Microsoft writes it: a line for each first bind, a word for
// each second one; default, SO_REUSEADDR, SO_EXCLUSIVEADDRUSE, each wildcard
// and specific.
const char* const kMatrix[6] = {
    "INUSE ok ACCESS ok INUSE ok",
    "ok INUSE ok ACCESS INUSE INUSE",
    "INUSE ok ok ok INUSE ok",
    "ok INUSE ok ok INUSE INUSE",
    "INUSE ACCESS ACCESS ACCESS INUSE ACCESS",
    "ok INUSE ok ACCESS INUSE INUSE",
};

class BindMatrixTest
    : public BindTest,
      public ::testing::WithParamInterface<std::tuple<Family, bool>> {
 protected:
  Family family() const { return std::get<0>(GetParam()); }
  bool datagrams() const { return std::get<1>(GetParam()); }

  static std::string Word(WsaCode code) {
    if (code.ok()) return "ok";
    if (code == kAddrInUse) return "INUSE";
    return code == kAcces ? "ACCESS" : ToString(code);
  }

  SOCKET NewSocketOf(int index) {
    return NewSocket(family(), datagrams(), static_cast<Use>(index / 2));
  }
  Name NameOf(int index, u_short port) {
    return Name(family(), index % 2 == 0 ? Place::kAny : Place::kLoopback,
                port);
  }
};

TEST_P(BindMatrixTest, EveryCell) {
  for (int first = 0; first < 6; ++first) {
    std::string line;
    for (int second = 0; second < 6; ++second) {
      const u_short port = FreePort(family(), datagrams());
      const SOCKET one = NewSocketOf(first);
      ASSERT_EQ(Bind(one, NameOf(first, port)), kOk);
      const SOCKET other = NewSocketOf(second);
      const WsaCode code = Bind(other, NameOf(second, port));
      if (second > 0) line += " ";
      line += Word(code);
      if (code.ok() && !datagrams()) {
        EXPECT_EQ(spi_->Listen(one), kOk) << first << ", " << second;
        EXPECT_EQ(spi_->Listen(other), kOk) << first << ", " << second;
      }
      EXPECT_EQ(spi_->Close(one), kOk);
      EXPECT_EQ(spi_->Close(other), kOk);
      // Nothing of either is left.
      const SOCKET after = NewSocketOf(4);
      EXPECT_EQ(Bind(after, NameOf(4, port)), kOk) << first << ", " << second;
      EXPECT_EQ(spi_->Close(after), kOk);
    }
    EXPECT_EQ(line, kMatrix[first]) << "line " << first;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, BindMatrixTest,
    ::testing::Combine(::testing::Values(Family::kIpv4, Family::kIpv6),
                       ::testing::Bool()),
    [](const auto& info) {
      return std::string(std::get<0>(info.param) == Family::kIpv4 ? "Ipv4"
                                                                  : "Ipv6") +
             (std::get<1>(info.param) ? "Udp" : "Tcp");
    });

TEST_F(BindTest, TheSpecificOneHasItsConnections) {
  const SOCKET any = NewSocket(Family::kIpv4, false, Use::kDefault);
  const SOCKET loopback = NewSocket(Family::kIpv4, false, Use::kDefault);
  ASSERT_EQ(Bind(any, Name(Family::kIpv4, Place::kAny, 0)), kOk);
  const u_short port = PortOf(any);
  ASSERT_EQ(Bind(loopback, Name(Family::kIpv4, Place::kLoopback, port)), kOk);
  ASSERT_EQ(spi_->Listen(any), kOk);
  ASSERT_EQ(spi_->Listen(loopback), kOk);
  const PeerSocket peer = PeerSocket::ConnectTo({Family::kIpv4, port});
  ASSERT_TRUE(peer.is_open());
  SOCKET accepted;
  EXPECT_EQ(spi_->Accept(loopback, &accepted), kOk);
  ASSERT_EQ(spi_->SetNonBlocking(any, true), kOk);
  EXPECT_EQ(spi_->Accept(any, &accepted), WsaCode{WSAEWOULDBLOCK});
}

TEST_F(BindTest, OfTwoThatShareTheFirstHasTheConnections) {
  const SOCKET first = NewSocket(Family::kIpv4, false, Use::kReuse);
  const SOCKET second = NewSocket(Family::kIpv4, false, Use::kReuse);
  ASSERT_EQ(Bind(first, Name(Family::kIpv4, Place::kLoopback, 0)), kOk);
  const u_short port = PortOf(first);
  ASSERT_EQ(Bind(second, Name(Family::kIpv4, Place::kLoopback, port)), kOk);
  ASSERT_EQ(spi_->Listen(first), kOk);
  ASSERT_EQ(spi_->Listen(second), kOk);
  constexpr int kCount = 20;
  std::vector<PeerSocket> peers;
  SOCKET accepted;
  for (int i = 0; i < kCount; ++i) {
    peers.push_back(PeerSocket::ConnectTo({Family::kIpv4, port}));
    ASSERT_TRUE(peers.back().is_open());
    EXPECT_EQ(spi_->Accept(first, &accepted), kOk);
  }
  EXPECT_EQ(spi_->Close(first), kOk);
  const PeerSocket last = PeerSocket::ConnectTo({Family::kIpv4, port});
  ASSERT_TRUE(last.is_open());
  EXPECT_EQ(spi_->Accept(second, &accepted), kOk);
}

TEST_F(BindTest, OfTwoThatShareTheFirstHasTheDatagrams) {
  const SOCKET first = NewSocket(Family::kIpv4, true, Use::kReuse);
  const SOCKET second = NewSocket(Family::kIpv4, true, Use::kReuse);
  ASSERT_EQ(Bind(first, Name(Family::kIpv4, Place::kLoopback, 0)), kOk);
  const Endpoint endpoint = {Family::kIpv4, PortOf(first)};
  ASSERT_EQ(Bind(second, Name(Family::kIpv4, Place::kLoopback, endpoint.port)),
            kOk);
  for (int i = 0; i < 20; ++i) {
    const SOCKET sender = NewSocket(Family::kIpv4, true, Use::kDefault);
    ASSERT_EQ(spi_->SendTo(sender, std::to_string(i), endpoint), kOk);
    std::string data;
    EXPECT_EQ(spi_->Recv(first, 10, &data), kOk);
    EXPECT_EQ(data, std::to_string(i));
  }
}

// What was measured on Windows of sockets for both families.
TEST_F(BindTest, DualSocketsAndIpv4) {
  const auto second = [&](SOCKET first, SOCKET other, Family family,
                          Place place) {
    const WsaCode code = Bind(other, Name(family, place, PortOf(first)));
    if (code.ok()) {
      EXPECT_EQ(spi_->Listen(first), kOk);
      EXPECT_EQ(spi_->Listen(other), kOk);
    }
    EXPECT_EQ(spi_->Close(first), kOk);
    EXPECT_EQ(spi_->Close(other), kOk);
    return code;
  };
  const auto dual = [&](Use use) {
    const SOCKET s = NewDualSocket(use);
    EXPECT_EQ(Bind(s, Name(Family::kIpv6, Place::kAny, 0)), kOk);
    return s;
  };
  const auto ipv4 = [&](Use use) {
    return NewSocket(Family::kIpv4, false, use);
  };
  EXPECT_EQ(second(dual(Use::kDefault), ipv4(Use::kDefault), Family::kIpv4,
                   Place::kAny),
            kOk);
  EXPECT_EQ(second(dual(Use::kDefault), ipv4(Use::kExclusive), Family::kIpv4,
                   Place::kAny),
            kOk);
  EXPECT_EQ(second(dual(Use::kExclusive), ipv4(Use::kDefault), Family::kIpv4,
                   Place::kAny),
            kAcces);
  EXPECT_EQ(second(dual(Use::kExclusive), ipv4(Use::kDefault), Family::kIpv4,
                   Place::kLoopback),
            kAcces);
  SOCKET loopback = ipv4(Use::kDefault);
  ASSERT_EQ(Bind(loopback, Name(Family::kIpv4, Place::kLoopback, 0)), kOk);
  EXPECT_EQ(second(loopback, NewDualSocket(Use::kExclusive), Family::kIpv6,
                   Place::kAny),
            kAddrInUse);
  loopback = ipv4(Use::kDefault);
  ASSERT_EQ(Bind(loopback, Name(Family::kIpv4, Place::kLoopback, 0)), kOk);
  EXPECT_EQ(second(loopback, NewSocket(Family::kIpv6, false, Use::kExclusive),
                   Family::kIpv6, Place::kLoopback),
            kOk);
  // A mapped address is IPv4's own.
  const SOCKET mapped = NewDualSocket(Use::kDefault);
  Name name(Family::kIpv6, Place::kAny, 0);
  name.MapIpv4Loopback();
  ASSERT_EQ(Bind(mapped, name), kOk);
  const u_short port = PortOf(mapped);
  const SOCKET same = ipv4(Use::kDefault);
  EXPECT_EQ(Bind(same, Name(Family::kIpv4, Place::kLoopback, port)),
            kAddrInUse);
  EXPECT_EQ(second(mapped, ipv4(Use::kExclusive), Family::kIpv4, Place::kAny),
            kAddrInUse);
}

TEST_F(BindTest, OneOptionRefusesTheOther) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s), kOk);
  EXPECT_EQ(Set(s, Use::kReuse), kOk);
  EXPECT_EQ(Set(s, Use::kExclusive), kInval);
  EXPECT_EQ(spi_->SetOption(s, SOL_SOCKET, SO_REUSEADDR, 0), kOk);
  EXPECT_EQ(Set(s, Use::kExclusive), kOk);
  EXPECT_EQ(Set(s, Use::kReuse), kInval);
  int value = 1;
  EXPECT_EQ(spi_->GetOption(s, SOL_SOCKET, SO_REUSEADDR, &value), kOk);
  EXPECT_EQ(value, 0);
  EXPECT_EQ(spi_->GetOption(s, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, &value), kOk);
  EXPECT_EQ(value, 1);
}

TEST_F(BindTest, BothComeBeforeTheBind) {
  for (const Use use : {Use::kReuse, Use::kExclusive}) {
    const SOCKET s = NewSocket(Family::kIpv4, false, Use::kDefault);
    ASSERT_EQ(Bind(s, Name(Family::kIpv4, Place::kLoopback, 0)), kOk);
    EXPECT_EQ(Set(s, use), kInval);
  }
}

TEST_F(BindTest, AnAddressIsFreeAfterTheFinalCleanup) {
  const SOCKET s = NewSocket(Family::kIpv4, false, Use::kExclusive);
  ASSERT_EQ(Bind(s, Name(Family::kIpv4, Place::kAny, 0)), kOk);
  const u_short port = PortOf(s);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  ASSERT_EQ(spi_->Startup(), kOk);
  const SOCKET again = NewSocket(Family::kIpv4, false, Use::kExclusive);
  EXPECT_EQ(Bind(again, Name(Family::kIpv4, Place::kAny, port)), kOk);
}

TEST_F(BindTest, ConnectionsOfAnExclusiveListenerKeepItsAddress) {
  const SOCKET listener = NewSocket(Family::kIpv4, false, Use::kExclusive);
  ASSERT_EQ(Bind(listener, Name(Family::kIpv4, Place::kLoopback, 0)), kOk);
  ASSERT_EQ(spi_->Listen(listener), kOk);
  const u_short port = PortOf(listener);
  PeerSocket peer = PeerSocket::ConnectTo({Family::kIpv4, port});
  SOCKET accepted;
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  EXPECT_EQ(spi_->Close(listener), kOk);
  const SOCKET again = NewSocket(Family::kIpv4, false, Use::kDefault);
  const Name name(Family::kIpv4, Place::kLoopback, port);
  EXPECT_EQ(Bind(again, name), kAddrInUse);
  EXPECT_EQ(spi_->Close(accepted), kOk);
  // It is inactive when the peer has ended its side, too.
  EXPECT_EQ(peer.ReadToEnd().ending, Ending::kOrderly);
  peer.Close();
  EXPECT_TRUE(WaitUntil([&] { return Bind(again, name).ok(); }));
}

TEST_F(BindTest, AListenerComesBackWhileItsConnectionsAreThere) {
  const SOCKET listener = NewSocket(Family::kIpv4, false, Use::kDefault);
  ASSERT_EQ(Bind(listener, Name(Family::kIpv4, Place::kLoopback, 0)), kOk);
  ASSERT_EQ(spi_->Listen(listener), kOk);
  const u_short port = PortOf(listener);
  const PeerSocket peer = PeerSocket::ConnectTo({Family::kIpv4, port});
  SOCKET accepted;
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  EXPECT_EQ(spi_->Close(listener), kOk);
  const SOCKET again = NewSocket(Family::kIpv4, false, Use::kDefault);
  EXPECT_EQ(Bind(again, Name(Family::kIpv4, Place::kLoopback, port)), kOk);
  EXPECT_EQ(spi_->Listen(again), kOk);
}

TEST_F(BindTest, WhatAnotherProgramHasIsInUse) {
  for (const Use use : {Use::kDefault, Use::kReuse, Use::kExclusive}) {
    const SOCKET s = NewSocket(Family::kIpv4, false, use);
    EXPECT_EQ(Bind(s, Name(Family::kIpv4, Place::kLoopback,
                           listener_.endpoint().port)),
              kAddrInUse);
    // It can be bound elsewhere afterwards.
    EXPECT_EQ(Bind(s, Name(Family::kIpv4, Place::kLoopback, 0)), kOk);
  }
}

TEST_F(BindTest, ASendBindsADatagramSocketAsABindDoes) {
  const SOCKET s = NewSocket(Family::kIpv4, true, Use::kDefault);
  const SOCKET other = NewSocket(Family::kIpv4, true, Use::kDefault);
  ASSERT_EQ(Bind(other, Name(Family::kIpv4, Place::kLoopback, 0)), kOk);
  ASSERT_EQ(spi_->SendTo(s, "x", {Family::kIpv4, PortOf(other)}), kOk);
  const u_short port = PortOf(s);
  const SOCKET same = NewSocket(Family::kIpv4, true, Use::kDefault);
  EXPECT_EQ(Bind(same, Name(Family::kIpv4, Place::kAny, port)), kAddrInUse);
  EXPECT_EQ(Bind(same, Name(Family::kIpv4, Place::kLoopback, port)), kOk);
}

}  // namespace
}  // namespace wspd::testing
