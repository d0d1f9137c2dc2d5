// To the kernel all sockets here are one user's, as those of a daemon are that
// has no CAP_CHOWN.
#include "daemon/relay/local_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "daemon/base/owned_fd.h"
#include "daemon/socket/net_address.h"
#include "daemon/winsock/address_table.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr uid_t kAlice = 1001;
constexpr uid_t kBob = 1002;
// linux/in.h's, which clashes.
constexpr int kIpLocalPortRange = 51;

NetAddress At(const std::string& text, uint16_t port) {
  if (text.find(':') == std::string::npos) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &address.sin_addr), 1) << text;
    return NetAddress(address);
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &address.sin6_addr), 1) << text;
  return NetAddress(address);
}

// A relayed socket's real one.
class RealSocket {
 public:
  RealSocket(AddressTable* table, int family, int type, uid_t uid,
             const std::vector<int>& options = {SO_REUSEADDR, SO_REUSEPORT})
      : address_(
            table,
            {family, type, type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP},
            uid),
        fd_(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    EXPECT_TRUE(fd_.valid());
    for (const int option : options) EXPECT_EQ(Set(option, 1), 0);
  }

  int Set(int option, int value) {
    return address_.SetSharing(
        fd_.get(), option,
        std::string(reinterpret_cast<const char*>(&value), sizeof(value)));
  }
  int Get(int option) const {
    int value = -1;
    socklen_t size = sizeof(value);
    EXPECT_EQ(getsockopt(fd_.get(), SOL_SOCKET, option, &value, &size), 0);
    address_.CorrectSharing(option, &value, size);
    return value;
  }
  int Bind(const std::string& where, uint16_t port) {
    return address_.Bind(fd_.get(), At(where, port));
  }
  int Listen() { return address_.Listen(fd_.get(), 8); }
  int Connect(const NetAddress& to) const {
    return connect(fd_.get(), to.get(), to.size()) == 0 ? 0 : errno;
  }
  void Disconnect() {
    const sockaddr none{AF_UNSPEC, {}};
    EXPECT_EQ(connect(fd_.get(), &none, sizeof(none)), 0);
    address_.Look(fd_.get());
  }
  uint16_t port() const { return NetAddress::LocalOf(fd_.get()).port(); }
  int fd() const { return fd_.get(); }
  void Close() {
    fd_.Reset();
    address_.Release();
  }

 private:
  LocalAddress address_;
  OwnedFd fd_;
};

class LocalAddressTest
    : public testing::TestWithParam<std::tuple<int, int, std::vector<int>>> {
 protected:
  RealSocket Make(uid_t uid) {
    const auto& [family, type, options] = GetParam();
    return RealSocket(table_.get(), family, type, uid, options);
  }
  static bool IsIpv6() { return std::get<0>(GetParam()) == AF_INET6; }
  static const char* Any() { return IsIpv6() ? "::" : "0.0.0.0"; }
  static const char* Loopback() {
    return IsIpv6() ? "::ffff:127.0.0.1" : "127.0.0.1";
  }

  const std::shared_ptr<AddressTable> table_ = AddressTable::Create();
};

TEST_P(LocalAddressTest, IsSharedByOneUsersSocketsOnly) {
  RealSocket first = Make(kAlice), second = Make(kAlice), other = Make(kBob);
  ASSERT_EQ(first.Bind(Loopback(), 0), 0);
  EXPECT_EQ(other.Bind(Loopback(), first.port()), EADDRINUSE);
  EXPECT_EQ(second.Bind(Loopback(), first.port()), 0);
  // Also the one that was asked for by its number.
  first.Close();
  EXPECT_EQ(other.Bind(Loopback(), second.port()), EADDRINUSE);
  const uint16_t port = second.port();
  second.Close();
  EXPECT_EQ(other.Bind(Loopback(), port), 0);
}

TEST_P(LocalAddressTest, NoPartOfItIsAnothers) {
  for (const bool whole_first : {false, true}) {
    RealSocket first = Make(kAlice), second = Make(kBob), own = Make(kAlice);
    ASSERT_EQ(first.Bind(whole_first ? Any() : Loopback(), 0), 0);
    const char* const rest = whole_first ? Loopback() : Any();
    EXPECT_EQ(second.Bind(rest, first.port()), EADDRINUSE);
    EXPECT_EQ(own.Bind(rest, first.port()), 0);
  }
}

TEST_P(LocalAddressTest, WhatListensByItselfIsShared) {
  if (std::get<1>(GetParam()) != SOCK_STREAM) GTEST_SKIP() << "streams listen";
  RealSocket first = Make(kAlice), other = Make(kBob);
  ASSERT_EQ(first.Listen(), 0);
  ASSERT_NE(first.port(), 0);
  EXPECT_EQ(other.Bind(Any(), first.port()), EADDRINUSE);
  EXPECT_EQ(first.Listen(), 0) << "once more";
  EXPECT_EQ(table_->size(), 1u);
}

TEST_P(LocalAddressTest, TheProgramFindsTheOptionsAsItSetThem) {
  const auto& options = std::get<2>(GetParam());
  RealSocket socket = Make(kAlice);
  const auto expect = [&] {
    for (const int option : {SO_REUSEADDR, SO_REUSEPORT}) {
      const bool set =
          std::find(options.begin(), options.end(), option) != options.end();
      EXPECT_EQ(socket.Get(option), set ? 1 : 0) << option;
    }
  };
  expect();
  ASSERT_EQ(socket.Bind(Loopback(), 0), 0);
  expect();
  EXPECT_EQ(socket.Set(SO_REUSEADDR, 0), 0);
  EXPECT_EQ(socket.Get(SO_REUSEADDR), 0);
  EXPECT_EQ(socket.Set(SO_REUSEADDR, 7), 0);
  EXPECT_EQ(socket.Get(SO_REUSEADDR), 1);
}

TEST_P(LocalAddressTest, TheKernelsWordIsThePrograms) {
  RealSocket socket = Make(kAlice);
  EXPECT_EQ(socket.Bind(IsIpv6() ? "2001:db8::1" : "192.0.2.1", 0),
            EADDRNOTAVAIL);
  EXPECT_EQ(socket.Bind(IsIpv6() ? "2001:db8::1" : "192.0.2.1", 40000),
            EADDRNOTAVAIL);
  EXPECT_EQ(table_->size(), 0u);
  ASSERT_EQ(socket.Bind(Loopback(), 0), 0);
  EXPECT_EQ(socket.Bind(Loopback(), 0), EINVAL);
  EXPECT_EQ(socket.Bind(Loopback(), socket.port()), EINVAL);
  EXPECT_EQ(table_->size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, LocalAddressTest,
    testing::Combine(testing::Values(AF_INET, AF_INET6),
                     testing::Values(SOCK_STREAM, SOCK_DGRAM),
                     testing::Values(std::vector<int>{SO_REUSEPORT},
                                     std::vector<int>{SO_REUSEADDR,
                                                      SO_REUSEPORT})));

// ---------------------------------------------------------------- datagrams

class DatagramAddressTest : public testing::Test {
 protected:
  RealSocket Make(uid_t uid, const std::vector<int>& options) {
    return RealSocket(table_.get(), AF_INET, SOCK_DGRAM, uid, options);
  }

  const std::shared_ptr<AddressTable> table_ = AddressTable::Create();
};

// The kernel would give it one that somebody else has, too, if both say that
// they share.
TEST_F(DatagramAddressTest, ThePortThatComesBySendingIsNobodys) {
  for (const int option : {SO_REUSEADDR, SO_REUSEPORT}) {
    RealSocket first = Make(kAlice, {option}), other = Make(kBob, {option});
    ASSERT_EQ(first.Bind("0.0.0.0", 0), 0);
    const uint32_t this_one_only = uint32_t{first.port()} << 16 | first.port();
    if (setsockopt(other.fd(), IPPROTO_IP, kIpLocalPortRange, &this_one_only,
                   sizeof(this_one_only)) != 0) {
      GTEST_SKIP() << "the kernel has no IP_LOCAL_PORT_RANGE";
    }
    EXPECT_EQ(other.Connect(At("127.0.0.1", 9)), EAGAIN);
    EXPECT_EQ(other.Bind("0.0.0.0", 0), EADDRINUSE);
    EXPECT_EQ(other.port(), 0);
    EXPECT_EQ(other.Get(option), 1);
  }
}

TEST_F(DatagramAddressTest, APortThatIsGivenBackIsNotHeld) {
  RealSocket first = Make(kAlice, {SO_REUSEPORT});
  ASSERT_EQ(first.Bind("0.0.0.0", 0), 0);
  ASSERT_EQ(first.Connect(At("127.0.0.1", 9)), 0);
  EXPECT_EQ(table_->size(), 1u);
  first.Disconnect();
  ASSERT_EQ(first.port(), 0) << "the kernel's choice, and so its own";
  EXPECT_EQ(table_->size(), 0u);
  // And the next one is nobody else's again.
  ASSERT_EQ(first.Connect(At("127.0.0.1", 9)), 0);
  RealSocket other = Make(kBob, {SO_REUSEPORT});
  EXPECT_EQ(other.Bind("0.0.0.0", first.port()), EADDRINUSE);
}

TEST_F(DatagramAddressTest, WithSoReuseaddrItIsSharedByOneUsersSocketsOnly) {
  RealSocket first = Make(kAlice, {SO_REUSEADDR});
  RealSocket second = Make(kAlice, {SO_REUSEADDR});
  RealSocket other = Make(kBob, {SO_REUSEADDR});
  ASSERT_EQ(first.Bind("127.0.0.1", 0), 0);
  EXPECT_EQ(other.Bind("127.0.0.1", first.port()), EADDRINUSE);
  EXPECT_EQ(other.Bind("0.0.0.0", first.port()), EADDRINUSE);
  EXPECT_EQ(second.Bind("127.0.0.1", first.port()), 0);
}

TEST_F(DatagramAddressTest, AGroupsAddressIsEverybodys) {
  RealSocket first = Make(kAlice, {SO_REUSEADDR});
  RealSocket other = Make(kBob, {SO_REUSEADDR});
  ASSERT_EQ(first.Bind("239.255.11.7", 0), 0);
  EXPECT_EQ(other.Bind("239.255.11.7", first.port()), 0);
}

TEST_F(DatagramAddressTest, SpiClientsShareNothingWithLinuxPrograms) {
  RealSocket linux = Make(kAlice, {SO_REUSEPORT});
  ASSERT_EQ(linux.Bind("127.0.0.1", 0), 0);
  AddressTable::Bind bind{SOCK_DGRAM, At("127.0.0.1", linux.port()), false,
                          AddressTable::Use::kReuse, kAlice};
  AddressTable::Hold hold;
  EXPECT_EQ(table_->Take(bind, &hold).wsa, kWsaAddrInUse);
  const uint16_t port = linux.port();
  linux.Close();
  ASSERT_TRUE(table_->Take(bind, &hold).ok());
  for (const uid_t uid : {kAlice, kBob}) {
    RealSocket later = Make(uid, {SO_REUSEPORT});
    EXPECT_EQ(later.Bind("0.0.0.0", port), EADDRINUSE);
  }
}

}  // namespace
}  // namespace wspd
