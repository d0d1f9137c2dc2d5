#include "client_stub/wspcat/command_line.h"

#include "gtest/gtest.h"

namespace wspd::wspcat {
namespace {

CommandLine Parse(const std::vector<std::string>& arguments) {
  CommandLine command;
  std::string error;
  EXPECT_TRUE(ParseCommandLine(arguments, &command, &error)) << error;
  return command;
}

std::string Refused(const std::vector<std::string>& arguments) {
  CommandLine command;
  std::string error;
  EXPECT_FALSE(ParseCommandLine(arguments, &command, &error));
  return error;
}

TEST(CommandLineTest, OptionsMayStandAnywhere) {
  const CommandLine command =
      Parse({"--provider", "a.so", "connect", "--hold", "3", "::1", "80"});
  EXPECT_FALSE(command.listen);
  EXPECT_EQ(command.provider, "a.so");
  EXPECT_EQ(command.hold, 3);
  EXPECT_TRUE(command.address.ipv6);
  EXPECT_EQ(command.address.bytes[15], 1);
  EXPECT_EQ(command.port, 80);
}

TEST(CommandLineTest, ListenNeedsOnlyAPort) {
  const CommandLine command = Parse({"listen", "0", "--recv-only"});
  EXPECT_TRUE(command.listen);
  EXPECT_TRUE(command.receive_only);
  EXPECT_FALSE(command.address.ipv6);
  EXPECT_EQ(command.address.bytes[0], 0);
  EXPECT_EQ(command.port, 0);
}

TEST(CommandLineTest, NonsenseIsRefused) {
  EXPECT_NE(Refused({}), "");
  EXPECT_NE(Refused({"send", "::1", "80"}), "");
  EXPECT_NE(Refused({"connect", "80"}), "");
  EXPECT_NE(Refused({"connect", "localhost", "80"}), "");
  EXPECT_NE(Refused({"connect", "::1", "0"}), "");
  EXPECT_NE(Refused({"connect", "::1", "65536"}), "");
  EXPECT_NE(Refused({"connect", "::1", "80x"}), "");
  EXPECT_NE(Refused({"connect", "::1", "80", "--hold", "0"}), "");
  EXPECT_NE(Refused({"connect", "::1", "80", "--hold"}), "");
  EXPECT_NE(Refused({"connect", "::1", "80", "--nonsense"}), "");
  EXPECT_NE(Refused({"listen", "80", "--hold", "2"}), "");
  EXPECT_NE(Refused({"listen", "80", "--send-only", "--recv-only"}), "");
}

TEST(NumericAddressTest, AScopeIsANumber) {
  NumericAddress address;
  EXPECT_TRUE(ParseNumericAddress("fe80::1%3", &address));
  EXPECT_EQ(address.scope_id, 3u);
  EXPECT_FALSE(ParseNumericAddress("fe80::1%", &address));
  EXPECT_FALSE(ParseNumericAddress("fe80::1%eth0", &address));
  EXPECT_FALSE(ParseNumericAddress("1.2.3.4%1", &address));
}

TEST(NumericAddressTest, EndpointsAreWrittenWithTheirPort) {
  NumericAddress address;
  ASSERT_TRUE(ParseNumericAddress("192.0.2.1", &address));
  EXPECT_EQ(FormatEndpoint(address, 80), "192.0.2.1:80");
  ASSERT_TRUE(ParseNumericAddress("2001:db8:0:0::1", &address));
  EXPECT_EQ(FormatEndpoint(address, 80), "[2001:db8::1]:80");
}

}  // namespace
}  // namespace wspd::wspcat
