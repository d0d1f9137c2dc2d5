#include "proto/relay_name.h"

#include <string>

#include "gtest/gtest.h"

namespace wsp::relay {
namespace {

Name SomeName() {
  Name name;
  name.instance = 0x0123456789abcdef;
  name.number = 42;
  name.kind = Kind::kConnection;
  name.family = AF_INET6;
  name.protocol = 262;
  return name;
}

TEST(RelayNameTest, ReadsWhatItWrites) {
  const sockaddr_un address = FormatName(SomeName());
  EXPECT_EQ(std::string(address.sun_path, kNameBytes),
            std::string("\0wspd-0123456789abcdef-000000000000002a-c6-106", 46));
  Name read;
  ASSERT_TRUE(ParseName(address, kNameAddressBytes, &read));
  EXPECT_EQ(read.instance, SomeName().instance);
  EXPECT_EQ(read.number, 42u);
  EXPECT_EQ(read.kind, Kind::kConnection);
  EXPECT_EQ(read.family, AF_INET6);
  EXPECT_EQ(read.protocol, 262);
}

TEST(RelayNameTest, RefusesEverythingElse) {
  const sockaddr_un good = FormatName(SomeName());
  Name read;
  EXPECT_FALSE(ParseName(good, kNameAddressBytes - 1, &read));
  EXPECT_FALSE(ParseName(good, kNameAddressBytes + 1, &read));
  for (size_t i = 0; i < kNameBytes; ++i) {
    sockaddr_un bad = good;
    bad.sun_path[i] = 'X';
    EXPECT_FALSE(ParseName(bad, kNameAddressBytes, &read)) << i;
  }
}

// As the kernel gives it on the other end.
TEST(RelayNameTest, IsWhatTheOtherEndSees) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const sockaddr_un address = FormatName(SomeName());
  ASSERT_EQ(bind(ends[1], reinterpret_cast<const sockaddr*>(&address),
                 kNameAddressBytes),
            0);
  sockaddr_un seen;
  socklen_t size = sizeof seen;
  ASSERT_EQ(getpeername(ends[0], reinterpret_cast<sockaddr*>(&seen), &size), 0);
  Name read;
  EXPECT_TRUE(ParseName(seen, size, &read));
  EXPECT_EQ(read.number, 42u);
}

}  // namespace
}  // namespace wsp::relay
