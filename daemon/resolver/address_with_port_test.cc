#include "daemon/resolver/address_with_port.h"

#include "gtest/gtest.h"

namespace wspd {
namespace {

TEST(AddressWithPortTest, WhatIsReadIsWrittenTheSame) {
  for (const char* text :
       {"127.0.0.1:9464", "[::1]:9464", "0.0.0.0:0", "[2001:db8::1]:65535"}) {
    const NetAddress address = ParseAddressWithPort(text, absl::nullopt);
    ASSERT_FALSE(address.empty()) << text;
    EXPECT_EQ(AddressWithPortText(address), text);
  }
}

TEST(AddressWithPortTest, APortMayBeLeftOutWhereThereIsADefault) {
  for (const char* text : {"192.0.2.1", "2001:db8::1", "[2001:db8::1]"}) {
    EXPECT_TRUE(ParseAddressWithPort(text, absl::nullopt).empty()) << text;
    EXPECT_EQ(ParseAddressWithPort(text, 53).port(), 53) << text;
  }
}

TEST(AddressWithPortTest, WhatIsNoAddressIsEmpty) {
  for (const char* text :
       {"", ":9464", "localhost:9464", "127.0.0.1:", "127.0.0.1:65536",
        "127.0.0.1:-1", "127.0.0.1:x", "[::1", "[::1]9464", "1.2.3.4.5:80"}) {
    EXPECT_TRUE(ParseAddressWithPort(text, 53).empty()) << text;
  }
}

}  // namespace
}  // namespace wspd
