#include "daemon/wspctl/wspctl.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "daemon/admin/admin_server.h"
#include "daemon/admin/fake_inventory.h"
#include "daemon/base/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Result {
  int code;
  std::string out;
  std::string err;
};

size_t LongestLine(const std::string& text) {
  size_t longest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    longest = std::max(longest, line.size());
  }
  return longest;
}

class WspctlTest : public ::testing::Test {
 protected:
  WspctlTest() {
    char folder[] = "/tmp/wspd_ctl_XXXXXX";
    folder_ = mkdtemp(folder);
    options_.socket = folder_ + "/admin.sock";
    loop_ = EventLoop::Create("test").value();
    inventory_.AddClient(1, 11, 70001);
    inventory_.AddClient(2, 22, 70002);
    inventory_.AddSocket(1, 11, 70001, 100);
  }
  ~WspctlTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void StartServer() {
    server_ = AdminServer::Start(options_, loop_.get(), &inventory_).value();
  }

  Surroundings Around() const { return {options_.socket.c_str(), width_}; }

  Result Run(const std::vector<std::string>& arguments) {
    std::ostringstream out, err;
    const int code = RunWspctl(arguments, Around(), out, err);
    return {code, out.str(), err.str()};
  }

  int width_ = 0;  // of the terminal
  std::string folder_;
  AdminServerOptions options_;
  std::unique_ptr<EventLoop> loop_;
  FakeInventory inventory_;
  std::unique_ptr<AdminServer> server_;
};

TEST_F(WspctlTest, ListsClientsAndSockets) {
  StartServer();
  Result result = Run({"clients"});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_THAT(result.out, AllOf(StartsWith("CLIENT  PID    UID"),
                                HasSubstr("\n     2   22  70002  ")));
  result = Run({"--json", "clients"});
  EXPECT_THAT(result.out, StartsWith("{\"client_id\":\"1\",\"pid\":11,"));
  EXPECT_THAT(Run({"sockets"}).out, HasSubstr("0000000000000064"));
  EXPECT_THAT(Run({"sockets", "11", "--json"}).out,
              HasSubstr("\"socket_id\":\"100\""));
  EXPECT_EQ(Run({"sockets", "22", "--json"}).out, "");
}

TEST_F(WspctlTest, ListsClientsByPagesThatAreOneTable) {
  for (int i = 0; i < 25; ++i) inventory_.AddClient(100 + i, 22, 70002);
  StartServer();
  const Result whole = Run({"clients"});
  EXPECT_EQ(std::count(whole.out.begin(), whole.out.end(), '\n'), 28);
  EXPECT_EQ(Run({"clients", "--page-size=10"}).out, whole.out);
  EXPECT_EQ(Run({"--json", "clients", "--page-size=1"}).out,
            Run({"--json", "clients"}).out);
}

TEST_F(WspctlTest, ListsTheFieldsAndClientsThatAreAskedFor) {
  wsp::v1::Client client;
  client.set_client_id(7);
  client.set_pid(77);
  client.set_cgroup("/a/b");
  client.set_container_id(std::string(64, 'c'));
  client.set_executable("/bin/x");
  client.set_personality(wsp::v1::PERSONALITY_LINUX);
  inventory_.AddClient(client);
  StartServer();
  EXPECT_EQ(Run({"clients", "--fields=uid,client_id", "--uid=0,70001"}).out,
            "  UID  CLIENT\n"
            "70001       1\n"
            "    0       7\n");
  for (const std::vector<std::string>& filter :
       {std::vector<std::string>{"--uid=0"},
        {"--client=7"},
        {"--cgroup=/a"},
        {"--container=CCCCCCCCCCCC"},
        {"--executable=/bin/x"},
        {"--kind=linux"},
        {"77"},
        {"77", "11", "--uid=0"}}) {
    std::vector<std::string> words = {"--json", "clients", "--fields=pid"};
    words.insert(words.end(), filter.begin(), filter.end());
    EXPECT_EQ(Run(words).out, "{\"pid\":77}\n") << filter[0];
  }
  EXPECT_EQ(Run({"--json", "clients", "--fields=pid", "22", "11"}).out,
            "{\"pid\":11}\n{\"pid\":22}\n");
  const Result wrong = Run({"clients", "--cgroup=a"});
  EXPECT_EQ(wrong.code, kExitFailed);
  EXPECT_THAT(wrong.err, HasSubstr("cgroup is \"a\""));
}

TEST_F(WspctlTest, ListsNames) {
  inventory_.AddName(1, 11, 70001, "a.example");
  inventory_.AddName(2, 22, 70002, "b.example");
  inventory_.AddName(3, 33, 70003, "\x1b[2J.example");
  StartServer();
  Result result = Run({"names"});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_THAT(result.out,
              AllOf(StartsWith("CLIENT  PID    UID  NAME"),
                    HasSubstr("  a.example "), HasSubstr("  b.example "),
                    HasSubstr("\\x1b[2J"), Not(HasSubstr("\x1b"))));
  result = Run({"names", "11", "33", "--json"});
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("\"name\":\"a.example\""),
                    HasSubstr("\"pid\":33"), Not(HasSubstr("b.example"))));
  EXPECT_THAT(Run({"--json", "names", "--uid", "70002"}).out,
              AllOf(HasSubstr("b.example"), Not(HasSubstr("a.example"))));
  EXPECT_THAT(Run({"names", "--host", "b.example"}).out,
              AllOf(HasSubstr("b.example"), Not(HasSubstr("a.example"))));
  EXPECT_THAT(Run({"names", "--address", "ten"}).err,
              HasSubstr("network is \"ten\""));
  EXPECT_EQ(Run({"names", "eleven"}).code, kExitUsage);
  // Of one client with the rest.
  EXPECT_THAT(Run({"client", "22"}).out, HasSubstr("  b.example "));
  EXPECT_THAT(Run({"client", "22"}).out, Not(HasSubstr("a.example")));
  EXPECT_THAT(Run({"--json", "client", "22"}).out,
              HasSubstr("],\"names\":[{\"number\":\"2\""));
}

TEST_F(WspctlTest, ListsNamesByPagesThatAreOneTable) {
  for (int i = 0; i < 2500; ++i) inventory_.AddName(1, 11, 70001, "a.example");
  StartServer();
  const Result result = Run({"names"});
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 2501);
  EXPECT_EQ(Run({"names", "--page-size=400"}).out, result.out);
}

TEST_F(WspctlTest, ListsTheFieldsOfNamesThatAreAskedFor) {
  inventory_.AddName(1, 11, 70001, "a.example");
  inventory_.AddName(2, 22, 70002, "b.example");
  StartServer();
  EXPECT_EQ(Run({"names", "--fields=name,pid", "--page-size=1"}).out,
            "NAME       PID\n"
            "a.example   11\n"
            "b.example   22\n");
  EXPECT_EQ(Run({"--json", "names", "22", "--fields=name"}).out,
            "{\"name\":\"b.example\"}\n");
}

TEST_F(WspctlTest, ListsSocketsByPagesThatAreOneTable) {
  for (int i = 0; i < 25; ++i) inventory_.AddSocket(2, 22, 70002, 1000 + i);
  StartServer();
  const Result whole = Run({"sockets"});
  const Result pages = Run({"sockets", "--page-size=10"});
  EXPECT_EQ(std::count(whole.out.begin(), whole.out.end(), '\n'), 27);
  EXPECT_EQ(pages.out, whole.out);
  EXPECT_EQ(Run({"--json", "sockets", "--page-size=1"}).out,
            Run({"--json", "sockets"}).out);
}

TEST_F(WspctlTest, ListsTheFieldsAndSocketsThatAreAskedFor) {
  wsp::v1::Socket socket;
  socket.set_client_id(2);
  socket.set_uid(70002);
  socket.set_socket_id(0x200);
  socket.set_bytes_sent(5);
  socket.set_state(wsp::v1::SOCKET_STATE_LISTENING);
  socket.mutable_local()->mutable_ipv4()->set_address(0x0a000001);
  socket.mutable_local()->mutable_ipv4()->set_port(80);
  inventory_.AddSocket(socket);
  StartServer();
  EXPECT_EQ(Run({"sockets", "--state=listening", "--fields",
                 "local,bytes_sent,socket_id"})
                .out,
            "LOCAL        SENT  SOCKET\n"
            "10.0.0.1:80     5  0000000000000200\n");
  EXPECT_EQ(Run({"--json", "sockets", "--local=10.0.0.0/8", "--local-port=80",
                 "--uid=70002", "--fields=state,pid"})
                .out,
            "{\"state\":\"SOCKET_STATE_LISTENING\",\"pid\":0}\n");
  const Result wrong = Run({"sockets", "--local=10.0.0/8"});
  EXPECT_EQ(wrong.code, kExitFailed);
  EXPECT_THAT(wrong.err, HasSubstr("local_network is \"10.0.0/8\""));
}

TEST_F(WspctlTest, ShowsAllOfOneClient) {
  StartServer();
  Result result = Run({"client", "11"});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_THAT(
      result.out,
      AllOf(StartsWith("client                1\npid                  "
                       " 11\nuid                   70001\n"),
            HasSubstr("\n\nCLIENT  PID"), HasSubstr("0000000000000064")));
  EXPECT_THAT(Run({"client", "22"}).out, Not(HasSubstr("CLIENT")));
  EXPECT_THAT(Run({"client", "11", "--json"}).out,
              AllOf(StartsWith("{\"client\":{\"client_id\":\"1\",\"pid\":11,"),
                    HasSubstr("},\"sockets\":[{\"client_id\":\"1\","),
                    EndsWith("}],\"names\":[]}\n")));
  result = Run({"client", "33"});
  EXPECT_EQ(result.code, kExitFailed);
  EXPECT_EQ(result.err, "wspctl: there is no client with pid 33\n");
  EXPECT_EQ(Run({"client"}).err,
            "wspctl: which process?\nTry wspctl --help.\n");
}

TEST_F(WspctlTest, ResolvesNamesIfAsked) {
  inventory_.AddSocket(1, 12, 0, 200);
  StartServer();
  EXPECT_THAT(Run({"sockets", "12", "--fields=uid"}).out, EndsWith("  0\n"));
  EXPECT_THAT(Run({"sockets", "12", "--fields=uid", "--resolve"}).out,
              EndsWith("\nroot\n"));
  EXPECT_THAT(Run({"--json", "sockets", "12", "--fields=uid", "--resolve"}).out,
              EndsWith("{\"uid\":0}\n"));
}

TEST_F(WspctlTest, TablesFitTheTerminal) {
  // Of each table something that is too long for a line.
  const std::string path = "/usr/lib/" + std::string(100, 'x');
  wsp::v1::Client client;
  client.set_client_id(7);
  client.set_pid(77);
  client.set_uid(4000000000);
  client.set_container_id(std::string(64, 'c'));
  client.set_cgroup(path);
  client.set_executable(path);
  client.add_command_line(path);
  inventory_.AddClient(client);
  wsp::v1::Socket socket;
  socket.set_client_id(7);
  socket.set_pid(77);
  socket.set_uid(4000000000);
  socket.set_socket_id(0x200);
  socket.set_bytes_sent(uint64_t{1} << 60);
  for (wsp::v1::SocketAddress* const address :
       {socket.mutable_local(), socket.mutable_peer()}) {
    address->mutable_ipv6()->set_address(std::string(16, '\xfe'));
    address->mutable_ipv6()->set_port(65535);
  }
  inventory_.AddSocket(socket);
  inventory_.AddName(7, 77, 4000000000, std::string(100, 'n') + ".example");
  StartServer();
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"clients"},
        {"sockets"},
        {"names"},
        {"client", "77"}}) {
    SCOPED_TRACE(command[0]);
    for (const size_t width : {0u, 40u, 80u}) {
      width_ = static_cast<int>(width);
      const Result result = Run(command);
      EXPECT_EQ(result.code, kExitOk) << result.err;
      std::string tables = result.out;
      // What stands before its tables is no table, and is all there.
      if (command[0] == "client") tables.erase(0, tables.find("\n\n"));
      if (width == 0) {
        EXPECT_GT(LongestLine(tables), 80u);
      } else {
        EXPECT_GT(LongestLine(tables), width / 2);
        EXPECT_LE(LongestLine(tables), width) << tables;
      }
    }
  }
}

TEST_F(WspctlTest, DisconnectsAClientAndSaysWhoItWas) {
  StartServer();
  Result result = Run({"disconnect", "11"});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_THAT(result.out, AllOf(StartsWith("CLIENT  PID"), HasSubstr("70001")));
  EXPECT_THAT(Run({"--json", "disconnect", "--client=2"}).out,
              StartsWith("{\"client_id\":\"2\",\"pid\":22,"));
  result = Run({"disconnect", "33"});
  EXPECT_EQ(result.code, kExitFailed);
  EXPECT_EQ(result.err, "wspctl: there is no such client\n");
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"disconnect"},
        {"disconnect", "x"},
        {"disconnect", "--client", "0"},
        {"disconnect", "1", "2"}}) {
    EXPECT_EQ(Run(wrong).code, kExitUsage);
  }
}

TEST_F(WspctlTest, SetsTheLogLevel) {
  StartServer();
  EXPECT_EQ(Run({"log-level"}).out, "INFO\n");
  EXPECT_EQ(Run({"log-level", "warning"}).out, "WARNING\n");
  EXPECT_EQ(Run({"log-level"}).out, "WARNING\n");
  EXPECT_EQ(Run({"log-level", "INFO"}).out, "INFO\n");
  const Result result = Run({"log-level", "unspecified"});
  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_THAT(result.err, HasSubstr("there are ERROR, WARNING, INFO"));
}

TEST_F(WspctlTest, TellsWhatADaemonCannot) {
  StartServer();
  for (const char* command : {"reload", "drain"}) {
    const Result result = Run({command});
    EXPECT_EQ(result.code, kExitFailed);
    EXPECT_THAT(result.err, StartsWith("wspctl: this server can't "));
  }
  EXPECT_EQ(Run({"drain", "--timeout", "soon"}).code, kExitUsage);
}

TEST_F(WspctlTest, ResetsASocketAndSaysWhichItWas) {
  StartServer();
  Result result = Run({"reset", "0000000000000064"});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_THAT(result.out,
              AllOf(StartsWith("CLIENT  PID"), HasSubstr("0000000000000064")));
  EXPECT_THAT(Run({"--json", "reset", "1/64"}).out,
              StartsWith("{\"client_id\":\"1\",\"pid\":11,"));
  EXPECT_EQ(inventory_.reset(), (std::vector<uint64_t>{100, 100}));
  result = Run({"reset", "65"});
  EXPECT_EQ(result.code, kExitFailed);
  EXPECT_EQ(result.err, "wspctl: there is no such socket\n");
  EXPECT_EQ(Run({"reset", "nothing"}).code, kExitUsage);
}

TEST_F(WspctlTest, ClosesASocketAndSaysWhichItWas) {
  StartServer();
  const Result result = Run({"close", "1/64"});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_THAT(result.out, HasSubstr("0000000000000064"));
  EXPECT_EQ(inventory_.closed(), (std::vector<uint64_t>{100}));
  EXPECT_TRUE(inventory_.reset().empty());
  EXPECT_EQ(Run({"close", "65"}).err, "wspctl: there is no such socket\n");
}

TEST_F(WspctlTest, ShowsInfo) {
  StartServer();
  EXPECT_THAT(
      Run({"info"}).out,
      HasSubstr(absl::StrCat("admin socket          ", options_.socket, "\n")));
  EXPECT_THAT(Run({"info", "--json"}).out,
              HasSubstr(absl::StrCat("\"version\":\"", kVersion, "\"")));
}

TEST_F(WspctlTest, HealthIsInTheExitCode) {
  StartServer();
  Result result = Run({"health"});
  EXPECT_EQ(result.code, kExitOk);
  EXPECT_EQ(result.out, "SERVING\n");
  server_->SetServing(false);
  result = Run({"health", "--json"});
  EXPECT_EQ(result.code, kExitFailed);
  EXPECT_EQ(result.out, "{\"status\":\"NOT_SERVING\"}\n");
}

TEST_F(WspctlTest, WatchesUntilTheDaemonEnds) {
  StartServer();
  for (uint64_t client = 1; client <= 2; ++client) {
    EventRecord record;
    record.kind = client == 1 ? wsp::v1::JournalEvent::KIND_CLIENT_ATTACHED
                              : wsp::v1::JournalEvent::KIND_CLIENT_DIED;
    record.client_id = client;
    record.pid = 11;
    inventory_.events()->Append(record);
  }
  // Says when something has been written.
  struct Output : std::stringbuf {
    int sync() override {
      if (!str().empty() && !written.HasBeenNotified()) written.Notify();
      return 0;
    }
    absl::Notification written;
  };
  Output output;
  std::ostream out(&output);
  std::ostringstream err;
  int code = 0;
  std::thread watch([&] {
    code = RunWspctl({"watch", "11", "--from=1", "--kind=client_died"},
                     Around(), out, err);
  });
  output.written.WaitForNotification();
  server_.reset();
  watch.join();
  EXPECT_EQ(code, kExitFailed);
  EXPECT_THAT(err.str(), StartsWith("wspctl: "));
  const std::string text = output.str();
  EXPECT_THAT(text, EndsWith(" client_died client=2 pid=11 uid=0\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST_F(WspctlTest, NoDaemonIsSaidClearly) {
  Result result = Run({"health"});
  EXPECT_EQ(result.code, kExitFailed);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            absl::StrCat("wspctl: can't reach a daemon at ", options_.socket,
                         ": No such file or directory; is wspd running? "
                         "(--socket or $WSPD_ADMIN_SOCKET names another)\n"));
  result = Run({"--socket", "/dev/null", "info"});
  EXPECT_THAT(result.err, HasSubstr("/dev/null: Connection refused"));
  result = Run({"--socket", std::string(200, 'x'), "info"});
  EXPECT_THAT(result.err, HasSubstr("File name too long"));
}

TEST_F(WspctlTest, VersionAndHelpNeedNoDaemon) {
  EXPECT_EQ(Run({"version"}).out, absl::StrCat("wspctl ", kVersion, "\n"));
  EXPECT_EQ(Run({"--json", "version"}).out,
            absl::StrCat("{\"version\":\"", kVersion, "\"}\n"));
  const Result help = Run({"--help"});
  EXPECT_EQ(help.code, kExitOk);
  EXPECT_THAT(help.out, StartsWith("Usage: wspctl"));
}

TEST_F(WspctlTest, AWrongCommandLineIsAUsageError) {
  const Result result = Run({"clientz"});
  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_EQ(result.err,
            "wspctl: there is no command clientz\nTry wspctl --help.\n");
}

TEST_F(WspctlTest, OutputThatCantBeWrittenIsAFailure) {
  std::ostringstream out, err;
  out.setstate(std::ios::badbit);
  EXPECT_EQ(RunWspctl({"version"}, {}, out, err), kExitFailed);
}

TEST_F(WspctlTest, PolicyTestSaysByWhichRule) {
  StartServer();
  Result result =
      Run({"policy", "test", "--uid", "70001", "connect", "192.0.2.1:80"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("allowed by rule 7 (even)\n"));
  result = Run({"policy", "test", "--uid", "70001", "connect", "192.0.2.1:81",
                "--json"});
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("\"allowed\":false"),
                                HasSubstr("\"rule\":\"even\"")));
}

TEST_F(WspctlTest, CheckConfigSaysWhatIsWrong) {
  const std::string file = folder_ + "/config";
  std::ofstream(file) << "log_level: 'INFO'\n";
  EXPECT_EQ(Run({"check-config", file}).code, 0);
  EXPECT_EQ(Run({"check-config", file, "--json"}).out,
            "{\"file\":\"" + file + "\",\"good\":true,\"problems\":[]}\n");
  std::ofstream(file) << "policy {\n rules { ports: '80' }\n}\n";
  Result result = Run({"check-config", file, "--json"});
  EXPECT_EQ(result.code, 78);
  EXPECT_THAT(result.out,
              AllOf(StartsWith("{\"file\":\"" + file + "\",\"good\":false,"),
                    HasSubstr("\"problems\":[\"" + file + ":2:2: policy ")));
  result = Run({"check-config", file});
  EXPECT_EQ(result.code, 78);
  EXPECT_THAT(result.out, StartsWith(file + ":2:2: policy rule 1: verdict"));
}

}  // namespace
}  // namespace wspd
