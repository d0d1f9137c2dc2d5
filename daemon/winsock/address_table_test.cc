#include "daemon/winsock/address_table.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using Use = AddressTable::Use;
using Hold = AddressTable::Hold;

constexpr uint16_t kPort = 5000;
constexpr uid_t kUser = 1000;
constexpr uid_t kOtherUser = 1001;

NetAddress Address(const std::string& text, uint16_t port = kPort,
                   uint32_t scope = 0) {
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
  address.sin6_scope_id = scope;
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &address.sin6_addr), 1) << text;
  return NetAddress(address);
}

// A bind as the cases below write it: how, and where. '+' before an IPv6
// address: its socket is for both families.
AddressTable::Bind BindOf(char use, std::string text, uid_t uid) {
  AddressTable::Bind bind{SOCK_STREAM, NetAddress(), true, Use::kDefault, uid};
  if (use == 'R') bind.use = Use::kReuse;
  if (use == 'X') bind.use = Use::kExclusive;
  if (use == 'L') bind.use = Use::kLinux;
  if (text[0] == '+') {
    bind.v6_only = false;
    text = text.substr(1);
  }
  bind.address = Address(text);
  return bind;
}

// What a second bind gets while the first one holds: "ok", "INUSE", "ACCESS".
std::string Second(const AddressTable::Bind& first,
                   const AddressTable::Bind& second) {
  const auto table = AddressTable::Create();
  Hold held, other;
  EXPECT_TRUE(table->Take(first, &held).ok());
  const WsaError error = table->Take(second, &other);
  EXPECT_EQ(other != nullptr, error.ok());
  if (error.ok()) return "ok";
  if (error.wsa == kWsaAddrInUse) return "INUSE";
  return error.wsa == kWsaAcces ? "ACCESS" : "?";
}

// The matrix as Microsoft writes it: a line for each first bind, a word for
// each second one; default, SO_REUSEADDR, SO_EXCLUSIVEADDRUSE, each wildcard
// and specific.
using Matrix = const char* const[6];
constexpr Matrix kOneUser = {
    "INUSE ok ACCESS ok INUSE ok",
    "ok INUSE ok ACCESS INUSE INUSE",
    "INUSE ok ok ok INUSE ok",
    "ok INUSE ok ok INUSE INUSE",
    "INUSE ACCESS ACCESS ACCESS INUSE ACCESS",
    "ok INUSE ok ACCESS INUSE INUSE",
};
// But for the lines of SO_REUSEADDR, whose addresses go to no other user here.
constexpr Matrix kTwoUsers = {
    "INUSE ACCESS ACCESS ACCESS INUSE ACCESS", "ok INUSE ok ACCESS INUSE INUSE",
    "INUSE ACCESS ACCESS ACCESS INUSE ACCESS", "ok INUSE ok ACCESS INUSE INUSE",
    "INUSE ACCESS ACCESS ACCESS INUSE ACCESS", "ok INUSE ok ACCESS INUSE INUSE",
};

void ExpectMatrix(const Matrix& matrix, uid_t second_user,
                  const std::string& wildcard, const std::string& specific) {
  for (int first = 0; first < 6; ++first) {
    std::string line;
    for (int second = 0; second < 6; ++second) {
      const auto bind = [&](int index, uid_t uid) {
        return BindOf("DRX"[index / 2], index % 2 == 0 ? wildcard : specific,
                      uid);
      };
      if (second > 0) line += " ";
      line += Second(bind(first, kUser), bind(second, second_user));
    }
    EXPECT_EQ(line, matrix[first]) << "line " << first << ", " << wildcard;
  }
}

TEST(AddressTableTest, OneUsersMatrix) {
  ExpectMatrix(kOneUser, kUser, "0.0.0.0", "127.0.0.1");
  ExpectMatrix(kOneUser, kUser, "::", "::1");
  ExpectMatrix(kOneUser, kUser, "+::", "::1");
  ExpectMatrix(kOneUser, kUser, "+::", "127.0.0.1");
  ExpectMatrix(kOneUser, kUser, "+::ffff:0.0.0.0", "127.0.0.1");
  ExpectMatrix(kOneUser, kUser, "0.0.0.0", "+::ffff:127.0.0.1");
  // To a socket for both, all of IPv4 is a part.
  ExpectMatrix(kOneUser, kUser, "+::", "0.0.0.0");
}

TEST(AddressTableTest, TwoUsersMatrix) {
  ExpectMatrix(kTwoUsers, kOtherUser, "0.0.0.0", "127.0.0.1");
  ExpectMatrix(kTwoUsers, kOtherUser, "::", "::1");
  ExpectMatrix(kTwoUsers, kOtherUser, "+::", "127.0.0.1");
}

TEST(AddressTableTest, LinuxProgramsOfOneUserAreTheKernelsAffair) {
  const char* const kWhere[] = {"0.0.0.0", "127.0.0.1", "::", "+::", "::1"};
  for (const std::string first : kWhere) {
    for (const std::string second : kWhere) {
      EXPECT_EQ(Second(BindOf('L', first, kUser), BindOf('L', second, kUser)),
                "ok")
          << first << ", " << second;
    }
  }
}

TEST(AddressTableTest, LinuxProgramsShareNothingWithAnybodyElse) {
  struct Row {
    const char* first;
    const char* second;
    const char* result;
  };
  const Row kRows[] = {
      {"127.0.0.1", "127.0.0.1", "INUSE"},
      {"0.0.0.0", "127.0.0.1", "INUSE"},
      {"127.0.0.1", "0.0.0.0", "INUSE"},
      {"+::", "127.0.0.1", "INUSE"},
      {"127.0.0.1", "+::", "INUSE"},
      {"+::", "0.0.0.0", "INUSE"},
      {"::", "::1", "INUSE"},
      {"::", "0.0.0.0", "ok"},
      {"::", "127.0.0.1", "ok"},
      {"127.0.0.1", "127.0.0.2", "ok"},
  };
  for (const Row& row : kRows) {
    const auto second = [&](char first_use, char second_use, uid_t uid) {
      return Second(BindOf(first_use, row.first, kUser),
                    BindOf(second_use, row.second, uid));
    };
    const std::string what = std::string(row.first) + ", " + row.second;
    EXPECT_EQ(second('L', 'L', kOtherUser), row.result) << what;
    for (const char spi : {'D', 'R', 'X'}) {
      for (const uid_t uid : {kUser, kOtherUser}) {
        EXPECT_EQ(second('L', spi, uid), row.result) << what << ", " << spi;
        EXPECT_EQ(second(spi, 'L', uid), row.result) << what << ", " << spi;
      }
    }
  }
}

// What was measured on Windows (reference, section 4.10).
TEST(AddressTableTest, MeasuredRows) {
  struct Row {
    const char* first;
    const char* second;
    const char* result;
  };
  const Row kRows[] = {
      {"X0.0.0.0", "D127.0.0.1", "ACCESS"},
      {"X0.0.0.0", "X127.0.0.1", "ACCESS"},
      {"X+::", "D127.0.0.1", "ACCESS"},
      {"X+::", "D0.0.0.0", "ACCESS"},
      {"D0.0.0.0", "X127.0.0.1", "ok"},
      {"X127.0.0.1", "D0.0.0.0", "ok"},
      {"D127.0.0.1", "X0.0.0.0", "INUSE"},
      {"D127.0.0.1", "X+::", "INUSE"},
      {"D+::ffff:127.0.0.1", "X0.0.0.0", "INUSE"},
      {"D+::", "D0.0.0.0", "ok"},
      {"D+::", "X0.0.0.0", "ok"},
      {"X127.0.0.1", "D127.0.0.1", "INUSE"},
      {"D+::ffff:127.0.0.1", "D127.0.0.1", "INUSE"},
      {"X+::1", "X127.0.0.1", "ok"},
      {"D127.0.0.1", "R127.0.0.1", "ACCESS"},
      {"R127.0.0.1", "R127.0.0.1", "ok"},
      {"D0.0.0.0", "D127.0.0.1", "ok"},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(Second(BindOf(row.first[0], row.first + 1, kUser),
                     BindOf(row.second[0], row.second + 1, kUser)),
              row.result)
        << row.first << ", " << row.second;
  }
}

TEST(AddressTableTest, WhatLiesApartNeverClashes) {
  const auto exclusive = [](const std::string& text, uid_t uid = kUser) {
    return BindOf('X', text, uid);
  };
  EXPECT_EQ(Second(exclusive("127.0.0.1"), exclusive("127.0.0.2")), "ok");
  EXPECT_EQ(Second(exclusive("::1"), exclusive("::2")), "ok");
  EXPECT_EQ(Second(exclusive("0.0.0.0"), exclusive("::1")), "ok");
  EXPECT_EQ(Second(exclusive("0.0.0.0"), exclusive("::", kOtherUser)), "ok");
  EXPECT_EQ(Second(exclusive("::"), exclusive("127.0.0.1", kOtherUser)), "ok");
  // :: is the same for one family and for two.
  EXPECT_EQ(Second(BindOf('D', "::", kUser), BindOf('D', "+::", kUser)),
            "INUSE");
  EXPECT_EQ(Second(BindOf('D', "+::", kUser), BindOf('D', "::", kUser)),
            "INUSE");
  // A link-local address is one of a link.
  AddressTable::Bind link = exclusive("fe80::1");
  AddressTable::Bind other_link = link;
  link.address = Address("fe80::1", kPort, 1);
  other_link.address = Address("fe80::1", kPort, 2);
  EXPECT_EQ(Second(link, other_link), "ok");
  EXPECT_EQ(Second(link, link), "INUSE");
  // And ports are of a protocol.
  AddressTable::Bind datagrams = exclusive("127.0.0.1");
  datagrams.type = SOCK_DGRAM;
  EXPECT_EQ(Second(exclusive("127.0.0.1"), datagrams), "ok");
  AddressTable::Bind other_port = exclusive("127.0.0.1");
  other_port.address = Address("127.0.0.1", kPort + 64);
  EXPECT_EQ(Second(exclusive("127.0.0.1"), other_port), "ok");
}

TEST(AddressTableTest, AnAddressIsTakenUntilNobodyHoldsIt) {
  const auto table = AddressTable::Create();
  const AddressTable::Bind bind = BindOf('D', "127.0.0.1", kUser);
  Hold first, second;
  ASSERT_TRUE(table->Take(bind, &first).ok());
  EXPECT_EQ(table->Take(bind, &second).wsa, kWsaAddrInUse);
  EXPECT_EQ(table->size(), 1);
  Hold copy = first;
  first.reset();
  EXPECT_EQ(table->Take(bind, &second).wsa, kWsaAddrInUse);
  copy.reset();
  EXPECT_EQ(table->size(), 0);
  EXPECT_TRUE(table->Take(bind, &second).ok());
}

TEST(AddressTableTest, EachOneThatIsThereCounts) {
  const auto table = AddressTable::Create();
  Hold specific, wildcard, second;
  ASSERT_TRUE(table->Take(BindOf('D', "127.0.0.1", kUser), &specific).ok());
  ASSERT_TRUE(table->Take(BindOf('D', "0.0.0.0", kUser), &wildcard).ok());
  const AddressTable::Bind exclusive = BindOf('X', "127.0.0.1", kUser);
  EXPECT_EQ(table->Take(exclusive, &second).wsa, kWsaAddrInUse);
  specific.reset();
  EXPECT_TRUE(table->Take(exclusive, &second).ok());
}

TEST(AddressTableTest, WhatTheKernelChoseIsTakenWithoutQuestion) {
  const auto table = AddressTable::Create();
  const AddressTable::Bind bind = BindOf('D', "127.0.0.1", kUser);
  bool alone = false;
  Hold chosen = table->TakeChosen(bind, &alone);
  EXPECT_TRUE(alone);
  Hold other;
  EXPECT_EQ(table->Take(bind, &other).wsa, kWsaAddrInUse);
}

// Another user was about to bind it, and has asked before the kernel.
TEST(AddressTableTest, WhatTheKernelChoseMayBeSomebodysWhoWasFaster) {
  const auto table = AddressTable::Create();
  Hold faster;
  ASSERT_TRUE(table->Take(BindOf('R', "127.0.0.1", kUser + 1), &faster).ok());
  bool alone = true;
  Hold chosen = table->TakeChosen(BindOf('R', "127.0.0.1", kUser), &alone);
  EXPECT_FALSE(alone);
  EXPECT_NE(chosen, nullptr);
}

TEST(AddressTableTest, HoldsMayOutliveTheTablesOwner) {
  auto table = AddressTable::Create();
  Hold held;
  ASSERT_TRUE(table->Take(BindOf('D', "::1", kUser), &held).ok());
  table.reset();
  held.reset();
}

TEST(AddressTableTest, OfManyAtOnceOneHasIt) {
  const auto table = AddressTable::Create();
  std::vector<std::thread> threads;
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const AddressTable::Bind bind = BindOf('X', "127.0.0.1", kUser);
      for (int n = 0; n < 2000; ++n) {
        Hold held;
        if (!table->Take(bind, &held).ok()) continue;
        if (++inside > 1) overlapped = true;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(overlapped);
  EXPECT_EQ(table->size(), 0);
}

}  // namespace
}  // namespace wspd
