#include "daemon/wspctl/names.h"

#include <netinet/in.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

wsp::v1::SocketAddress Ipv4(uint32_t host, uint32_t port) {
  wsp::v1::SocketAddress address;
  address.mutable_ipv4()->set_address(host);
  address.mutable_ipv4()->set_port(port);
  return address;
}

constexpr absl::Duration kLong = absl::Seconds(30);

TEST(NamesTest, HostsAreLookedUpOnce) {
  std::atomic<int> lookups{0};
  Names names([&lookups](const wsp::v1::SocketAddress& address) {
    ++lookups;
    return absl::StrCat("host-", address.ipv4().address() & 255);
  });
  const auto first = Ipv4(0x0a000001, 40001), again = Ipv4(0x0a000001, 40002),
             second = Ipv4(0x0a000002, 40001);
  EXPECT_EQ(names.Address(first, IPPROTO_TCP), "10.0.0.1:40001");
  names.Find({&first, &again, &second}, kLong);
  names.Find({&first}, kLong);
  EXPECT_EQ(names.Address(first, IPPROTO_TCP), "host-1:40001");
  EXPECT_EQ(names.Address(again, IPPROTO_TCP), "host-1:40002");
  EXPECT_EQ(names.Address(second, IPPROTO_TCP), "host-2:40001");
  EXPECT_EQ(lookups, 2);
}

TEST(NamesTest, WhoDoesntAnswerIsNotWaitedFor) {
  absl::Notification answer, answered;
  Names names([&](const wsp::v1::SocketAddress& address) {
    if (address.ipv4().address() == 0x0a000001) {
      answer.WaitForNotification();
      return "slow";
    }
    return "fast";
  });
  const auto slow = Ipv4(0x0a000001, 40001), fast = Ipv4(0x0a000002, 40001);
  names.Find({&fast}, kLong);
  names.Find({&slow}, absl::Milliseconds(10));
  EXPECT_EQ(names.Address(slow, IPPROTO_TCP), "10.0.0.1:40001");
  EXPECT_EQ(names.Address(fast, IPPROTO_TCP), "fast:40001");
  answer.Notify();
  names.Find({}, kLong);
  EXPECT_EQ(names.Address(slow, IPPROTO_TCP), "slow:40001");
}

TEST(NamesTest, ManyThatDontAnswerAreLeftAtTheEnd) {
  const auto answer = std::make_shared<absl::Notification>();
  {
    Names names([answer](const wsp::v1::SocketAddress&) {
      answer->WaitForNotification();
      return "";
    });
    std::vector<wsp::v1::SocketAddress> addresses;
    std::vector<const wsp::v1::SocketAddress*> asked;
    for (uint32_t i = 0; i < 1000; ++i) addresses.push_back(Ipv4(1 + i, 1));
    for (const auto& address : addresses) asked.push_back(&address);
    names.Find(asked, absl::ZeroDuration());
  }
  answer->Notify();
}

TEST(NamesTest, WhatHasNoNameKeepsItsNumber) {
  Names names([](const wsp::v1::SocketAddress&) { return ""; });
  wsp::v1::SocketAddress ipv6;
  ipv6.mutable_ipv6()->set_address(std::string(15, '\0') + '\1');
  ipv6.mutable_ipv6()->set_port(40001);
  names.Find({&ipv6}, kLong);
  EXPECT_EQ(names.Address(ipv6, IPPROTO_UDP), "[::1]:40001");
  EXPECT_EQ(names.Address(wsp::v1::SocketAddress(), IPPROTO_TCP), "-");
  EXPECT_EQ(names.User(3999999999), "3999999999");
}

TEST(NamesTest, NamesCannotReachTheTerminal) {
  Names names([](const wsp::v1::SocketAddress&) { return "\x1b[2J"; });
  const auto address = Ipv4(0x0a000001, 40001);
  names.Find({&address}, kLong);
  EXPECT_EQ(names.Address(address, IPPROTO_TCP), "\\x1b[2J:40001");
}

TEST(NamesTest, UsersHaveTheSystemsNames) {
  EXPECT_EQ(Names().User(0), "root");
}

}  // namespace
}  // namespace wspd
