#include "daemon/wspctl/command_line.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::HasSubstr;

CommandLine Parse(const std::vector<std::string>& arguments,
                  const char* environment = nullptr) {
  return ParseCommandLine(arguments, environment).value();
}

std::string ErrorOf(const std::vector<std::string>& arguments) {
  return std::string(ParseCommandLine(arguments, nullptr).status().message());
}

TEST(CommandLineTest, Commands) {
  EXPECT_EQ(Parse({"clients"}).command, Command::kClients);
  EXPECT_EQ(Parse({"sockets"}).command, Command::kSockets);
  EXPECT_EQ(Parse({"sockets"}).pid, 0);
  EXPECT_EQ(Parse({"sockets", "42"}).pid, 42);
  EXPECT_EQ(Parse({"reset", "1f"}).command, Command::kReset);
  EXPECT_EQ(Parse({"info"}).command, Command::kInfo);
  EXPECT_EQ(Parse({"health"}).command, Command::kHealth);
  EXPECT_EQ(Parse({"version"}).command, Command::kVersion);
  EXPECT_EQ(Parse({"--version"}).command, Command::kVersion);
  EXPECT_EQ(Parse({"--help", "clients"}).command, Command::kHelp);
  EXPECT_EQ(Parse({"-h"}).command, Command::kHelp);
}

TEST(CommandLineTest, WatchTakesKindsAndWhereToBegin) {
  const CommandLine line =
      Parse({"watch", "7", "--kind=client_died", "--kind",
             "socket_opened,socket_closed", "--from", "12"});
  EXPECT_EQ(line.command, Command::kWatch);
  EXPECT_EQ(line.pid, 7);
  EXPECT_THAT(line.kinds, ::testing::ElementsAre(
                              wsp::v1::JournalEvent::KIND_CLIENT_DIED,
                              wsp::v1::JournalEvent::KIND_SOCKET_OPENED,
                              wsp::v1::JournalEvent::KIND_SOCKET_CLOSED));
  EXPECT_EQ(line.from, 12u);
  EXPECT_EQ(Parse({"watch", "--from=1"}).from, 1u);
}

TEST(CommandLineTest, ASocketIsNamedAsItIsListed) {
  SocketName name = Parse({"reset", "000000000000001f"}).named;
  EXPECT_EQ(name.client_id, 0u);
  EXPECT_EQ(name.socket_id, 0x1fu);
  EXPECT_EQ(name.cookie, 0u);
  name = Parse({"reset", "12/ffffffffffffffff"}).named;
  EXPECT_EQ(name.client_id, 12u);
  EXPECT_EQ(name.socket_id, UINT64_MAX);
  name = Parse({"reset", "sk:A0"}).named;
  EXPECT_EQ(name.socket_id, 0u);
  EXPECT_EQ(name.cookie, 0xa0u);
  name = Parse({"reset", "0/sk:1"}).named;
  EXPECT_EQ(name.client_id, 0u);
  EXPECT_EQ(name.cookie, 1u);
}

TEST(CommandLineTest, OptionsStandAnywhere) {
  EXPECT_FALSE(Parse({"info"}).json);
  EXPECT_TRUE(Parse({"--json", "info"}).json);
  EXPECT_TRUE(Parse({"info", "--json"}).json);
  EXPECT_EQ(Parse({"--socket", "/a", "info"}).socket, "/a");
  EXPECT_EQ(Parse({"info", "--socket=/b"}).socket, "/b");
}

TEST(CommandLineTest, TheSocketComesFromOptionThenEnvironmentThenDefault) {
  EXPECT_EQ(Parse({"--socket=/o", "info"}, "/e").socket, "/o");
  EXPECT_EQ(Parse({"info"}, "/e").socket, "/e");
  EXPECT_EQ(Parse({"info"}, "").socket, "/run/wspd/admin.sock");
  EXPECT_EQ(Parse({"info"}).socket, "/run/wspd/admin.sock");
}

TEST(CommandLineTest, ErrorsSayWhat) {
  EXPECT_EQ(ErrorOf({}), "which command?");
  EXPECT_EQ(ErrorOf({"clientz"}), "there is no command clientz");
  EXPECT_EQ(ErrorOf({"--jsn", "info"}), "there is no option --jsn");
  EXPECT_EQ(ErrorOf({"info", "--socket"}), "--socket needs a path");
  EXPECT_EQ(ErrorOf({"info", "--socket="}), "--socket needs a path");
  EXPECT_EQ(ErrorOf({"sockets", "x"}), "\"x\" is not a pid");
  EXPECT_EQ(ErrorOf({"sockets", "0"}), "\"0\" is not a pid");
  EXPECT_EQ(ErrorOf({"sockets", "1", "2"}), "what is \"2\"?");
  EXPECT_EQ(ErrorOf({"clients", "1"}), "what is \"1\"?");
  EXPECT_EQ(ErrorOf({"watch", "--kind"}), "--kind needs a value");
  EXPECT_THAT(ErrorOf({"watch", "--kind=client_dies"}),
              HasSubstr("no kind \"client_dies\"; there are client_attached, "
                        "client_started"));
  EXPECT_THAT(ErrorOf({"watch", "--kind=unspecified"}), HasSubstr("no kind"));
  EXPECT_EQ(ErrorOf({"watch", "--from=0"}), "\"0\" is no event's number");
  EXPECT_EQ(ErrorOf({"info", "--from=1"}), "--kind and --from are for watch");
  EXPECT_EQ(ErrorOf({"reset"}), "which socket?");
  EXPECT_EQ(ErrorOf({"reset", "1", "2"}), "what is \"2\"?");
  for (const char* wrong : {"", "0", "x", "0x1", " 1", "/1", "a/1", "1/",
                            "sk:", "sk:0", "1/2/3", "11112222333344445"}) {
    EXPECT_THAT(ErrorOf({"reset", wrong}), HasSubstr("is not a socket: "))
        << wrong;
  }
}

TEST(CommandLineTest, HelpStatesTheExitCodes) {
  for (const char* words : {"\n  0 ", "\n  1 ", "\n  64 "}) {
    EXPECT_THAT(kHelpText, HasSubstr(words));
  }
}

TEST(CommandLineTest, PolicyTestSaysWhoWhatAndWhere) {
  const auto line = ParseCommandLine(
      {"policy", "test", "--uid", "70001", "--gid", "5", "--gid", "6",
       "--cgroup", "/c", "--host", "h", "connect", "[2001:db8::1]:443"},
      nullptr);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->command, Command::kPolicyTest);
  const auto& request = line->policy;
  EXPECT_EQ(request.uid(), 70001u);
  ASSERT_EQ(request.gids_size(), 2);
  EXPECT_EQ(request.gids(1), 6u);
  EXPECT_EQ(request.cgroup(), "/c");
  EXPECT_EQ(request.host(), "h");
  EXPECT_EQ(request.action(), wsp::v1::POLICY_ACTION_CONNECT);
  EXPECT_EQ(request.address().ipv6().port(), 443u);
}

TEST(CommandLineTest, PolicyTestOfResolveTakesAnAddressOrAName) {
  auto line = ParseCommandLine({"policy", "test", "resolve", "a.b"}, nullptr);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->policy.host(), "a.b");
  EXPECT_FALSE(line->policy.has_address());
  line = ParseCommandLine({"policy", "test", "resolve", "192.0.2.1"}, nullptr);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->policy.address().ipv4().address(), 0xc0000201);
}

TEST(CommandLineTest, APolicyTestThatSaysTooLittleIsRefused) {
  using Words = std::vector<std::string>;
  for (const Words& words : {
           Words{"policy"},
           Words{"policy", "test"},
           Words{"policy", "test", "connect"},
           Words{"policy", "try", "connect", "192.0.2.1:1"},
           Words{"policy", "test", "fly", "192.0.2.1:1"},
           Words{"policy", "test", "unspecified", "192.0.2.1:1"},
           Words{"policy", "test", "connect", "192.0.2.1"},
           Words{"policy", "test", "connect", "192.0.2.1:65536"},
           Words{"policy", "test", "connect", "::1:80"},
           Words{"policy", "test", "connect", "[192.0.2.1]:80"},
           Words{"policy", "test", "connect", "host:80"},
           Words{"policy", "test", "--uid", "no-such-user", "connect",
                 "192.0.2.1:1"},
           Words{"policy", "test", "connect", "192.0.2.1:1", "--uid"},
           Words{"clients", "--uid", "5"},
           Words{"check-config"},
           Words{"check-config", "a", "b"},
       }) {
    EXPECT_FALSE(ParseCommandLine(words, nullptr).ok()) << words.back();
  }
}

}  // namespace
}  // namespace wspd
