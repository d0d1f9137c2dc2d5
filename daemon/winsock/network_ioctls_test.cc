// The limits of proto/README.md on lists of addresses, in a network namespace
// whose addresses are known.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstdint>

#include "daemon/socket/net_address.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/ioctls.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"
#include "tests/testing/network_namespace.h"

namespace wspd {
namespace {

constexpr uint32_t kAddressListQuery = 0x48000016;
constexpr uint32_t kGetInterfaceList = 0x4004747f;
constexpr uint32_t kAddressListSort = 0xc8000019;

class AddressListTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(testing::EnterFreshNetwork()); }

  static wsp::v1::IoctlResult Ask(uint32_t code) {
    wsp::v1::IoctlRequest request;
    request.set_code(code);
    wsp::v1::IoctlResult result;
    EXPECT_TRUE(NetworkIoctl(request, AF_INET, &result).ok());
    return result;
  }
  static int CountAddresses() {
    return Ask(kAddressListQuery).addresses_size();
  }
  static int CountInterfaces() {
    return Ask(kGetInterfaceList).interfaces_size();
  }
};

// The interface list has the loopback interface's, too.
TEST_F(AddressListTest, Of4097Addresses4096AreListed) {
  ASSERT_TRUE(testing::AddAddresses("v0", 4095));
  EXPECT_EQ(CountAddresses(), 4095);
  EXPECT_EQ(CountInterfaces(), 4096);
  ASSERT_TRUE(testing::Ip("addr add 192.0.2.1/32 dev v0"));
  EXPECT_EQ(CountAddresses(), 4096);
  EXPECT_EQ(CountInterfaces(), 4096);
  ASSERT_TRUE(testing::Ip("addr add 192.0.2.2/32 dev v0"));
  EXPECT_EQ(CountAddresses(), 4096);
  EXPECT_EQ(CountInterfaces(), 4096);
}

TEST(AddressSortTest, SoManyAs1024AddressesAreSorted) {
  wsp::v1::IoctlRequest request;
  request.set_code(kAddressListSort);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  ASSERT_EQ(inet_pton(AF_INET6, "::1", &address.sin6_addr), 1);
  for (int i = 0; i < 1024; ++i) {
    EncodeAddress(NetAddress(address), request.add_addresses());
  }
  wsp::v1::IoctlResult result;
  EXPECT_TRUE(NetworkIoctl(request, AF_INET6, &result).ok());
  EXPECT_EQ(result.order_size(), 1024);
  *request.add_addresses() = request.addresses(0);
  EXPECT_EQ(NetworkIoctl(request, AF_INET6, &result).wsa, kWsaInval);
}

}  // namespace
}  // namespace wspd
