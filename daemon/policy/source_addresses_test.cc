#include "daemon/policy/source_addresses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "daemon/policy/policy_store.h"
#include "daemon/policy/rule_set.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

template <typename Layout>
std::string Item(int level, int type, const Layout& data) {
  std::string control(CMSG_SPACE(sizeof(data)), '\0');
  auto* const item = reinterpret_cast<cmsghdr*>(&control[0]);
  item->cmsg_level = level;
  item->cmsg_type = type;
  item->cmsg_len = CMSG_LEN(sizeof(data));
  memcpy(CMSG_DATA(item), &data, sizeof(data));
  return control;
}

std::string V4(const char* source) {
  in_pktinfo info{};
  EXPECT_EQ(inet_pton(AF_INET, source, &info.ipi_spec_dst), 1);
  return Item(IPPROTO_IP, IP_PKTINFO, info);
}

std::string V6(const char* source, int type = IPV6_PKTINFO) {
  in6_pktinfo info{};
  EXPECT_EQ(inet_pton(AF_INET6, source, &info.ipi6_addr), 1);
  return Item(IPPROTO_IPV6, type, info);
}

class SourceAddressesTest : public testing::Test {
 protected:
  // Of a socket with the port 4000.
  int Check(const std::string& rules, const std::string& control) {
    Policy policy;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(rules, &policy));
    std::vector<PolicyProblem> problems;
    const auto store = PolicyStore::Create(RuleSet::Make(policy, &problems));
    EXPECT_TRUE(problems.empty());
    PeerIdentity identity;
    identity.pid = 42;
    identity.uid = 1000;
    identity.start_time_ticks = 1;
    const auto access = store->AccessOf(identity, ProcessKey::Of(identity, ""));
    return CheckSources(SocketAccess(*access, {}), control, [this] {
      ++ports_asked_;
      return uint16_t{4000};
    });
  }

  int ports_asked_ = 0;
};

constexpr char kDeny4[] =
    "rules { verdict: DENY actions: BIND addresses: '10.0.0.2' }";
constexpr char kDeny6[] =
    "rules { verdict: DENY actions: BIND addresses: 'fd00::2' }";

TEST_F(SourceAddressesTest, AreBoundToForTheDatagram) {
  EXPECT_EQ(Check(kDeny4, V4("10.0.0.2")), EACCES);
  EXPECT_EQ(Check(kDeny4, V4("10.0.0.1")), 0);
  EXPECT_EQ(Check(kDeny6, V6("fd00::2")), EACCES);
  EXPECT_EQ(Check(kDeny6, V6("fd00::1")), 0);
  // As they were of RFC 2292.
  EXPECT_EQ(Check(kDeny6, V6("fd00::2", 2)), EACCES);
  EXPECT_EQ(Check(kDeny4, V6("::ffff:10.0.0.2")), EACCES);
  EXPECT_EQ(Check("otherwise: DENY", V4("10.0.0.1")), EACCES);
}

TEST_F(SourceAddressesTest, AreAtTheSocketsPort) {
  const std::string rule =
      "rules { verdict: DENY actions: BIND addresses: '10.0.0.2' ports: ";
  EXPECT_EQ(Check(rule + "'4000' }", V4("10.0.0.2")), EACCES);
  EXPECT_EQ(Check(rule + "'0-3999' }", V4("10.0.0.2")), 0);
}

TEST_F(SourceAddressesTest, AnyIsNone) {
  EXPECT_EQ(Check("otherwise: DENY", V4("0.0.0.0")), 0);
  EXPECT_EQ(Check("otherwise: DENY", V6("::")), 0);
  EXPECT_EQ(Check("otherwise: DENY", V6("::ffff:0.0.0.0")), 0);
  EXPECT_EQ(Check("otherwise: DENY", ""), 0);
}

TEST_F(SourceAddressesTest, EachOneIsAskedAbout) {
  const int ttl = 7;
  const std::string other = Item(IPPROTO_IP, IP_TTL, ttl);
  EXPECT_EQ(Check(kDeny4, other + V4("10.0.0.1") + V4("10.0.0.2")), EACCES);
  EXPECT_EQ(Check(kDeny4, other + V4("10.0.0.2") + V4("10.0.0.1")), EACCES);
  EXPECT_EQ(Check(kDeny4, other), 0);
}

// The kernel says so; here nothing is read beyond it.
TEST_F(SourceAddressesTest, WhatIsNoBlockIsTheKernelsToRefuse) {
  std::string cut = V4("10.0.0.2");
  cut.resize(cut.size() - CMSG_ALIGN(1));
  for (size_t size = 0; size <= cut.size(); ++size) {
    EXPECT_EQ(Check(kDeny4, std::string(&cut[0], size)), 0) << size;
  }
  const char none[sizeof(cmsghdr) * 2] = {};
  EXPECT_EQ(Check(kDeny4, std::string(none, sizeof(none))), 0);
}

TEST_F(SourceAddressesTest, CostNothingWithoutRulesAboutBinding) {
  EXPECT_EQ(Check("", V4("10.0.0.2")), 0);
  EXPECT_EQ(Check("rules { verdict: DENY actions: CONNECT }", V4("10.0.0.2")),
            0);
  EXPECT_EQ(ports_asked_, 0);
  EXPECT_EQ(Check(kDeny4, V4("10.0.0.1")), 0);
  EXPECT_EQ(ports_asked_, 1);
}

}  // namespace
}  // namespace wspd
