#include "daemon/wspctl/command_line.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "daemon/wspctl/client_commands.h"
#include "daemon/wspctl/daemon_commands.h"
#include "daemon/wspctl/policy_command.h"
#include "daemon/wspctl/socket_end_commands.h"
#include "daemon/wspctl/sockets_command.h"
#include "daemon/wspctl/watch_command.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

CommandLine Parse(const std::vector<std::string>& arguments,
                  const char* environment = nullptr) {
  return ParseCommandLine(arguments, {environment}).value();
}

// The command of the class that has to come of it.
template <typename T>
std::unique_ptr<T> ParseAs(const std::vector<std::string>& arguments) {
  CommandLine line = Parse(arguments);
  T* const command = dynamic_cast<T*>(line.command.get());
  EXPECT_NE(command, nullptr) << arguments[0];
  if (command != nullptr) (void)line.command.release();
  return std::unique_ptr<T>(command);
}

std::string ErrorOf(const std::vector<std::string>& arguments) {
  return std::string(ParseCommandLine(arguments, {}).status().message());
}

TEST(CommandLineTest, Commands) {
  EXPECT_NE(ParseAs<ClientsCommand>({"clients"}), nullptr);
  EXPECT_EQ(ParseAs<SocketsCommand>({"sockets"})->request().pid(), 0);
  EXPECT_EQ(ParseAs<SocketsCommand>({"sockets", "42"})->request().pid(), 42);
  EXPECT_NE(ParseAs<InfoCommand>({"info"}), nullptr);
  EXPECT_NE(ParseAs<HealthCommand>({"health"}), nullptr);
  EXPECT_NE(ParseAs<VersionCommand>({"version"}), nullptr);
  EXPECT_NE(ParseAs<VersionCommand>({"--version"}), nullptr);
  EXPECT_NE(ParseAs<CheckConfigCommand>({"check-config", "--", "-x"}), nullptr);
}

TEST(CommandLineTest, HelpIsOfAllOrOfTheCommandBeforeIt) {
  for (const char* word : {"--help", "-h", "help"}) {
    const CommandLine line = Parse({word});
    EXPECT_EQ(line.command, nullptr);
    EXPECT_THAT(line.help, AllOf(HasSubstr("  check-config FILE\n"),
                                 HasSubstr("  --from NUMBER  begins with")));
  }
  const CommandLine line = Parse({"watch", "--help"});
  EXPECT_EQ(line.command, nullptr);
  EXPECT_THAT(line.help, AllOf(HasSubstr("Usage: wspctl [OPTION...] watch"),
                               HasSubstr("  --from NUMBER  begins with"),
                               Not(HasSubstr("--state"))));
}

TEST(CommandLineTest, LinesOfHelpFitTheTerminal) {
  const std::string help = Parse({"--help"}).help;
  for (const absl::string_view text : absl::StrSplit(help, '\n')) {
    EXPECT_LE(text.size(), 80u) << text;
  }
}

TEST(CommandLineTest, WatchTakesKindsAndWhereToBegin) {
  const auto request =
      ParseAs<WatchCommand>({"watch", "7", "--kind=client_died", "--kind",
                             "socket_opened,socket_closed", "--from", "12"})
          ->request();
  EXPECT_EQ(request.pid(), 7);
  EXPECT_THAT(request.kinds(),
              ElementsAre(wsp::v1::JournalEvent::KIND_CLIENT_DIED,
                          wsp::v1::JournalEvent::KIND_SOCKET_OPENED,
                          wsp::v1::JournalEvent::KIND_SOCKET_CLOSED));
  EXPECT_EQ(request.from_sequence(), 12u);
  EXPECT_FALSE(request.has_uid());
}

TEST(CommandLineTest, WatchTakesWhatSocketsDoes) {
  const auto request =
      ParseAs<WatchCommand>({"watch", "--plane=forwarded,lent", "--id", "3/1f",
                             "--local=10.0.0.0/8", "--peer", "::1",
                             "--local-port", "80", "--peer-port=443", "--uid",
                             "0"})
          ->request();
  EXPECT_THAT(request.planes(),
              ElementsAre(wsp::v1::PLANE_UNSPECIFIED, wsp::v1::PLANE_LENT));
  EXPECT_EQ(request.client_id(), 3u);
  EXPECT_EQ(request.socket_id(), 0x1fu);
  EXPECT_EQ(request.local_network(), "10.0.0.0/8");
  EXPECT_EQ(request.peer_network(), "::1");
  EXPECT_EQ(request.local_port(), 80u);
  EXPECT_EQ(request.peer_port(), 443u);
  ASSERT_TRUE(request.has_uid());
  EXPECT_EQ(request.uid(), 0u);
  EXPECT_EQ(
      ParseAs<WatchCommand>({"watch", "--id", "sk:7"})->request().cookie(), 7u);
  EXPECT_THAT(ErrorOf({"watch", "--id=x"}), HasSubstr("is not a socket"));
  EXPECT_EQ(ErrorOf({"watch", "--state=open"}), "watch has no option --state");
}

TEST(CommandLineTest, WatchTakesOneClient) {
  const auto client_of = [](const std::vector<std::string>& arguments) {
    return ParseAs<WatchCommand>(arguments)->request().client_id();
  };
  EXPECT_EQ(client_of({"watch", "--client", "4"}), 4u);
  // Whichever comes first.
  EXPECT_EQ(client_of({"watch", "--client=4", "--id=1f"}), 4u);
  EXPECT_EQ(client_of({"watch", "--id=1f", "--client=4"}), 4u);
  EXPECT_EQ(client_of({"watch", "--id=4/1f", "--client=4"}), 4u);
  EXPECT_EQ(ErrorOf({"watch", "--client=4", "--id=3/1f"}),
            "of which client, 4 or 3? There may be one");
  EXPECT_EQ(ErrorOf({"watch", "--id=3/1f", "--client=4"}),
            "of which client, 3 or 4? There may be one");
}

TEST(CommandLineTest, ASocketIsNamedAsItIsListed) {
  const auto named = [](const std::string& word) {
    return ParseAs<ResetCommand>({"reset", word})->name();
  };
  SocketName name = named("000000000000001f");
  EXPECT_EQ(name.client_id, 0u);
  EXPECT_EQ(name.socket_id, 0x1fu);
  EXPECT_EQ(name.cookie, 0u);
  name = named("12/ffffffffffffffff");
  EXPECT_EQ(name.client_id, 12u);
  EXPECT_EQ(name.socket_id, UINT64_MAX);
  name = named("sk:A0");
  EXPECT_EQ(name.socket_id, 0u);
  EXPECT_EQ(name.cookie, 0xa0u);
  name = named("0/sk:1");
  EXPECT_EQ(name.client_id, 0u);
  EXPECT_EQ(name.cookie, 1u);
  EXPECT_EQ(ParseAs<CloseCommand>({"close", "1/2"})->name().socket_id, 2u);
}

TEST(CommandLineTest, OptionsStandAnywhere) {
  EXPECT_FALSE(Parse({"info"}).console.json);
  EXPECT_TRUE(Parse({"--json", "info"}).console.json);
  EXPECT_TRUE(Parse({"info", "--json"}).console.json);
  EXPECT_EQ(Parse({"--socket", "/a", "info"}).console.daemons[0].socket, "/a");
  EXPECT_EQ(Parse({"info", "--socket=/b"}).console.daemons[0].socket, "/b");
}

TEST(CommandLineTest, TheSocketComesFromOptionThenEnvironmentThenDefault) {
  EXPECT_EQ(Parse({"--socket=/o", "info"}, "/e").console.daemons[0].socket,
            "/o");
  EXPECT_EQ(Parse({"info"}, "/e").console.daemons[0].socket, "/e");
  EXPECT_EQ(Parse({"info"}, "").console.daemons[0].socket,
            "/run/wspd/admin.sock");
  EXPECT_EQ(Parse({"info"}).console.daemons[0].socket, "/run/wspd/admin.sock");
}

TEST(CommandLineTest, EndpointsAreAskedWithACertificate) {
  const CommandLine line =
      Parse({"--endpoint=a.test:1,[::1]:65535", "--ca", "/ca", "--cert=/c",
             "--key", "/k", "--server-name=wspd", "clients"},
            "/e");
  ASSERT_EQ(line.console.daemons.size(), 2u);
  EXPECT_EQ(line.console.daemons[0].endpoint, "a.test:1");
  EXPECT_EQ(line.console.daemons[1].endpoint, "[::1]:65535");
  for (const DaemonAddress& daemon : line.console.daemons) {
    EXPECT_EQ(daemon.socket, "");
    EXPECT_EQ(daemon.ca, "/ca");
    EXPECT_EQ(daemon.certificate, "/c");
    EXPECT_EQ(daemon.key, "/k");
    EXPECT_EQ(daemon.server_name, "wspd");
  }
  const std::vector<std::string> rest = {"--cert=/c", "--key=/k", "clients"};
  const auto with = [&rest](std::vector<std::string> first) {
    first.insert(first.end(), rest.begin(), rest.end());
    return ErrorOf(first);
  };
  for (const char* bad :
       {"a", "a:", ":1", "a:0", "a:65536", "a:1,", "a b:1", "\"a:1"}) {
    EXPECT_THAT(with({"--endpoint", bad}), HasSubstr("is not an endpoint"))
        << bad;
  }
  EXPECT_EQ(with({}),
            "--ca, --cert, --key and --server-name are for --endpoint, which "
            "is missing");
  EXPECT_EQ(with({"--endpoint=a:1", "--socket=/s"}),
            "--socket and --endpoint exclude another");
  EXPECT_EQ(ErrorOf({"--endpoint=a:1", "clients"}),
            "--endpoint needs --cert and --key");
  EXPECT_EQ(ErrorOf({"--endpoint=a:1,b:2", "--cert=/c", "--key=/k", "info"}),
            "info asks one daemon; --endpoint names 2");
}

TEST(CommandLineTest, ErrorsSayWhat) {
  EXPECT_EQ(ErrorOf({}), "which command?");
  EXPECT_EQ(ErrorOf({"clientz"}), "there is no command clientz");
  EXPECT_EQ(ErrorOf({"--jsn", "info"}),
            "there is no option --jsn that stands before a command");
  EXPECT_EQ(ErrorOf({"info", "--jsn"}), "info has no option --jsn");
  EXPECT_EQ(ErrorOf({"--json=1", "info"}), "--json has no value");
  EXPECT_EQ(ErrorOf({"info", "--socket"}),
            "--socket needs a value: --socket PATH");
  EXPECT_EQ(ErrorOf({"info", "--socket="}), "--socket needs a path");
  EXPECT_EQ(ErrorOf({"sockets", "x"}), "\"x\" is not a pid");
  EXPECT_EQ(ErrorOf({"sockets", "0"}), "\"0\" is not a pid");
  EXPECT_EQ(ErrorOf({"sockets", "1", "2"}), "what is \"2\"?");
  EXPECT_EQ(ErrorOf({"clients", "1", "x"}), "\"x\" is not a pid");
  EXPECT_EQ(ErrorOf({"watch", "--kind"}), "--kind needs a value: --kind KINDS");
  EXPECT_THAT(ErrorOf({"watch", "--kind=client_dies"}),
              HasSubstr("no kind \"client_dies\"; there are client_attached, "
                        "client_started"));
  EXPECT_THAT(ErrorOf({"watch", "--kind=unspecified"}), HasSubstr("no kind"));
  EXPECT_EQ(ErrorOf({"watch", "--from=0"}), "\"0\" is no event's number");
  EXPECT_EQ(ErrorOf({"info", "--from=1"}), "info has no option --from");
  EXPECT_EQ(ErrorOf({"reset"}), "which socket?");
  EXPECT_EQ(ErrorOf({"reset", "1", "2"}), "what is \"2\"?");
  EXPECT_EQ(ErrorOf({"close"}), "which socket?");
  for (const char* wrong : {"", "0", "x", "0x1", " 1", "/1", "a/1", "1/",
                            "sk:", "sk:0", "1/2/3", "11112222333344445"}) {
    EXPECT_THAT(ErrorOf({"reset", wrong}), HasSubstr("is not a socket: "))
        << wrong;
  }
}

TEST(CommandLineTest, ColorIsForTerminalsUnlessSaidOtherwise) {
  const auto color = [](std::vector<std::string> arguments, int width,
                        bool wanted) {
    arguments.push_back("info");
    return ParseCommandLine(arguments, {nullptr, width, wanted})
        ->console.style.color;
  };
  EXPECT_TRUE(color({}, 80, true));
  EXPECT_FALSE(color({}, 80, false));
  EXPECT_FALSE(color({}, 0, true));
  EXPECT_TRUE(color({"--color=auto"}, 80, true));
  EXPECT_TRUE(color({"--color", "always"}, 0, false));
  EXPECT_FALSE(color({"--color", "never"}, 80, true));
  EXPECT_THAT(ErrorOf({"--color=sometimes", "info"}),
              HasSubstr("auto, always or never"));
}

TEST(CommandLineTest, SocketsTakesEveryFilter) {
  const auto command = ParseAs<SocketsCommand>(
      {"sockets", "7", "--uid=5,6", "--plane", "forwarded,lent", "--state",
       "bound,connected", "--local", "10.0.0.0/8", "--peer=::1", "--local-port",
       "80", "--peer-port=443", "--fields", "peer,bytes_sent", "--page-size",
       "10"});
  const wsp::v1::ListSocketsRequest& request = command->request();
  EXPECT_EQ(request.pid(), 7);
  EXPECT_THAT(request.uids(), ElementsAre(5u, 6u));
  EXPECT_THAT(request.planes(),
              ElementsAre(wsp::v1::PLANE_UNSPECIFIED, wsp::v1::PLANE_LENT));
  EXPECT_THAT(request.states(), ElementsAre(wsp::v1::SOCKET_STATE_BOUND,
                                            wsp::v1::SOCKET_STATE_CONNECTED));
  EXPECT_EQ(request.local_network(), "10.0.0.0/8");
  EXPECT_EQ(request.peer_network(), "::1");
  EXPECT_EQ(request.local_port(), 80u);
  EXPECT_EQ(request.peer_port(), 443u);
  EXPECT_EQ(request.page_size(), 10u);
  EXPECT_THAT(command->fields(), ElementsAre("peer", "bytes_sent"));
}

TEST(CommandLineTest, ClientsTakesEveryFilter) {
  const auto command = ParseAs<ClientsCommand>(
      {"clients", "7", "8", "--uid=5,0", "--client", "3", "--kind=winsock",
       "--cgroup", "/a", "--container=0123456789ab", "--executable", "/bin/x",
       "--fields", "pid,cgroup", "--page-size=10"});
  const wsp::v1::ListClientsRequest& request = command->request();
  EXPECT_THAT(request.pids(), ElementsAre(7, 8));
  EXPECT_THAT(request.uids(), ElementsAre(5u, 0u));
  EXPECT_EQ(request.client_id(), 3u);
  EXPECT_EQ(request.personality(), wsp::v1::PERSONALITY_WINSOCK);
  EXPECT_EQ(request.cgroup(), "/a");
  EXPECT_EQ(request.container_id(), "0123456789ab");
  EXPECT_EQ(request.executable(), "/bin/x");
  EXPECT_EQ(request.page_size(), 10u);
  EXPECT_THAT(command->fields(), ElementsAre("pid", "cgroup"));
}

TEST(CommandLineTest, FiltersThatAreNoneSayWhatWouldBe) {
  EXPECT_THAT(ErrorOf({"sockets", "--plane=borrowed"}),
              HasSubstr("there are forwarded, relayed, lent"));
  EXPECT_THAT(ErrorOf({"sockets", "--plane=unspecified"}),
              HasSubstr("there is no plane"));
  EXPECT_THAT(ErrorOf({"sockets", "--state=up"}),
              HasSubstr("there are open, bound, listening"));
  EXPECT_THAT(ErrorOf({"sockets", "--uid=no-such-user"}),
              HasSubstr("\"no-such-user\" is not a user"));
  EXPECT_THAT(ErrorOf({"sockets", "--fields=pid,port"}),
              HasSubstr("no field \"port\"; there are client_id, pid, "));
  for (const char* wrong : {"0", "65536", "http", "-1", ""}) {
    EXPECT_THAT(ErrorOf({"sockets", "--peer-port", wrong}),
                HasSubstr("is not a port, which is 1 to 65535"));
  }
  EXPECT_THAT(ErrorOf({"names", "--fields=pid,port"}),
              HasSubstr("no field \"port\"; there are client_id, pid, "));
  EXPECT_THAT(ErrorOf({"clients", "--fields=pid,port"}),
              HasSubstr("no field \"port\"; there are client_id, pid, "));
  EXPECT_THAT(ErrorOf({"clients", "--uid=no-such-user"}),
              HasSubstr("\"no-such-user\" is not a user"));
  for (const char* wrong : {"windows", "unspecified", ""}) {
    EXPECT_THAT(ErrorOf({"clients", "--kind", wrong}),
                HasSubstr("; there are winsock, linux"));
  }
  for (const char* command : {"clients", "watch", "disconnect"}) {
    for (const char* wrong : {"0", "x", "-1", ""}) {
      EXPECT_THAT(ErrorOf({command, "--client", wrong}),
                  HasSubstr("is no client's number"));
    }
  }
  for (const char* command : {"clients", "sockets", "names"}) {
    EXPECT_THAT(ErrorOf({command, "--page-size=10001"}),
                HasSubstr("1 to 10000"));
  }
}

TEST(CommandLineTest, HelpStatesTheExitCodes) {
  const std::string help = Parse({"--help"}).help;
  const size_t begin = help.find("\nExit status:\n");
  ASSERT_NE(begin, std::string::npos) << help;
  std::vector<int> stated;
  for (const absl::string_view line : absl::StrSplit(
           absl::string_view(help).substr(begin), '\n', absl::SkipEmpty())) {
    int code;
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (absl::SimpleAtoi(words[0], &code)) stated.push_back(code);
  }
  EXPECT_THAT(stated,
              UnorderedElementsAre(kExitOk, kExitFailed, kExitDenied,
                                   kExitTimeout, kExitUsage, kExitConfig));
}

TEST(CommandLineTest, PolicyTestSaysWhoWhatAndWhere) {
  const auto request =
      ParseAs<PolicyCommand>({"policy", "test", "--uid", "70001", "--gid", "5",
                              "--gid", "6", "--cgroup", "/c", "--host", "h",
                              "connect", "[2001:db8::1]:443"})
          ->request();
  EXPECT_EQ(request.uid(), 70001u);
  ASSERT_EQ(request.gids_size(), 2);
  EXPECT_EQ(request.gids(1), 6u);
  EXPECT_EQ(request.cgroup(), "/c");
  EXPECT_EQ(request.host(), "h");
  EXPECT_EQ(request.action(), wsp::v1::POLICY_ACTION_CONNECT);
  EXPECT_EQ(request.address().ipv6().port(), 443u);
}

TEST(CommandLineTest, PolicyTestOfResolveTakesAnAddressOrAName) {
  auto request =
      ParseAs<PolicyCommand>({"policy", "test", "resolve", "a.b"})->request();
  EXPECT_EQ(request.host(), "a.b");
  EXPECT_FALSE(request.has_address());
  request = ParseAs<PolicyCommand>({"policy", "test", "resolve", "192.0.2.1"})
                ->request();
  EXPECT_EQ(request.address().ipv4().address(), 0xc0000201);
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
           Words{"clients", "--plane", "lent"},
           Words{"check-config"},
           Words{"check-config", "a", "b"},
       }) {
    EXPECT_FALSE(ParseCommandLine(words, {}).ok()) << words.back();
  }
}

}  // namespace
}  // namespace wspd
