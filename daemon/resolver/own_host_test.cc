// The daemon's own host, in a network namespace whose addresses are known.
#include "daemon/resolver/own_host.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/network_namespace.h"

namespace wspd {
namespace {

class OwnHostTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(testing::EnterFreshNetwork()); }
};

TEST_F(OwnHostTest, LoopbackAddressesCountWhereThereAreNoOthers) {
  EXPECT_EQ(DescribeOwnHost(AF_INET).addresses.size(), 1u);
  ASSERT_TRUE(testing::Ip("addr add 192.0.2.1/24 dev v0"));
  const LookupAnswer answer = DescribeOwnHost(AF_INET);
  ASSERT_EQ(answer.addresses.size(), 1u);
  EXPECT_EQ(ntohl(answer.addresses[0].address.v4().sin_addr.s_addr),
            0xc0000201u);
}

// A limit of proto/README.md.
TEST_F(OwnHostTest, OfItsAddresses1024AreKept) {
  ASSERT_TRUE(testing::AddAddresses("v0", 1023));
  EXPECT_EQ(DescribeOwnHost(AF_INET).addresses.size(), 1023u);
  ASSERT_TRUE(testing::Ip("addr add 192.0.2.1/32 dev v0"));
  EXPECT_EQ(DescribeOwnHost(AF_INET).addresses.size(), 1024u);
  ASSERT_TRUE(testing::Ip("addr add 192.0.2.2/32 dev v0"));
  EXPECT_EQ(DescribeOwnHost(AF_INET).addresses.size(), 1024u);
}

}  // namespace
}  // namespace wspd
