#include "daemon/wspctl/top_view.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const absl::Time kStart = absl::FromUnixSeconds(1700000000);

wsp::v1::Client Client(int pid, int sockets, absl::Time attached) {
  wsp::v1::Client client;
  client.set_client_id(pid);
  client.set_pid(pid);
  client.set_sockets(sockets);
  client.set_attached_at_ns(absl::ToUnixNanos(attached));
  client.add_command_line(absl::StrCat("program-", pid));
  return client;
}

wsp::v1::Socket Socket(int pid, uint64_t id, uint64_t sent, uint64_t received) {
  wsp::v1::Socket socket;
  socket.set_client_id(pid);
  socket.set_pid(pid);
  socket.set_socket_id(id);
  socket.set_state(wsp::v1::SOCKET_STATE_CONNECTED);
  socket.set_bytes_sent(sent);
  socket.set_bytes_received(received);
  return socket;
}

// Client 1 has sent 2 KiB a second, client 2 has received 100 bytes.
std::pair<TopSample, TopSample> TwoSamples() {
  TopSample before;
  before.at = kStart;
  before.clients = {Client(1, 2, kStart - absl::Seconds(10)),
                    Client(2, 1, kStart - absl::Seconds(99)),
                    Client(3, 0, kStart - absl::Seconds(50))};
  before.sockets = {Socket(1, 11, 1000, 0), Socket(2, 21, 0, 50)};
  before.info.set_calls_total(10);
  TopSample after = before;
  after.at = kStart + absl::Seconds(2);
  after.sockets = {Socket(1, 11, 1000 + 2048, 0), Socket(1, 12, 2048, 0),
                   Socket(2, 21, 0, 250)};
  after.info.set_calls_total(40);
  return {before, after};
}

TopView Shown(TopView::Choice choice = {}) {
  auto [before, after] = TwoSamples();
  TopView view(std::move(choice));
  view.Show(std::move(before));
  view.Show(std::move(after));
  return view;
}

std::string ScreenOf(TopView* view, int columns = 100, int rows = 20) {
  return absl::StrJoin(view->Screen({columns, rows}, false), "\n");
}

// The pids of the rows, from above.
std::vector<std::string> PidsOf(TopView* view, int rows = 20) {
  const auto lines = view->Screen({100, rows}, false);
  std::vector<std::string> pids;
  for (size_t i = 5; i + 1 < lines.size() && !lines[i].empty(); ++i) {
    const size_t begin = lines[i].find_first_not_of(' ');
    pids.push_back(lines[i].substr(begin, lines[i].find(' ', begin) - begin));
  }
  return pids;
}

TEST(TopViewTest, RatesAreTheDifferenceOfTwoSamples) {
  TopView view = Shown();
  EXPECT_THAT(ScreenOf(&view),
              AllOf(HasSubstr("a second: 2.0K bytes sent, 100 received, 15 "
                              "calls\nclients by sent\n"),
                    HasSubstr("    2.0K       0      0  5.0K         0")));
}

TEST(TopViewTest, WithoutASampleBeforeRatesAreNotKnown) {
  TopView view{TopView::Choice()};
  view.Show(TwoSamples().second);
  EXPECT_THAT(ScreenOf(&view), HasSubstr("a second: - bytes sent, -"));
}

TEST(TopViewTest, AnotherDaemonBeginsAnew) {
  auto [before, after] = TwoSamples();
  after.info.set_instance("another");
  TopView view{TopView::Choice()};
  view.Show(std::move(before));
  view.Show(std::move(after));
  EXPECT_THAT(ScreenOf(&view), HasSubstr("a second: - bytes sent, -"));
}

TEST(TopViewTest, ALentSocketThatIsNotCountedHasNoRate) {
  auto [before, after] = TwoSamples();
  for (TopSample* sample : {&before, &after}) {
    for (auto& socket : sample->sockets) socket.set_bytes_unknown(true);
  }
  TopView::Choice sockets;
  sockets.kind = TopView::Kind::kSockets;
  TopView view(sockets);
  view.Show(std::move(before));
  view.Show(std::move(after));
  EXPECT_THAT(ScreenOf(&view), HasSubstr("a second: - bytes sent, -"));
}

TEST(TopViewTest, OperationsAreSendsAndReceives) {
  auto [before, after] = TwoSamples();
  after.sockets[0].set_sends(8);
  after.sockets[2].set_receives(6);
  after.sockets[2].set_sends(6);
  TopView view{TopView::Choice()};
  view.Show(std::move(before));
  view.Show(std::move(after));
  view.HandleKey("O");
  EXPECT_THAT(PidsOf(&view), ElementsAre("2", "1", "3"));
  EXPECT_THAT(view.Json(), HasSubstr("\"operations_per_second\":6}"));
}

TEST(TopViewTest, KeysSort) {
  TopView view = Shown();
  EXPECT_THAT(PidsOf(&view), ElementsAre("1", "2", "3"));
  EXPECT_TRUE(view.HandleKey("R"));
  EXPECT_THAT(PidsOf(&view), ElementsAre("2", "1", "3"));
  view.HandleKey("A");
  EXPECT_THAT(PidsOf(&view), ElementsAre("2", "3", "1"));
  view.HandleKey("r");
  EXPECT_THAT(PidsOf(&view), ElementsAre("1", "3", "2"));
  view.HandleKey(">");
  EXPECT_EQ(view.choice().key, TopKey::kIdle);
  view.HandleKey(">");
  EXPECT_EQ(view.choice().key, TopKey::kSent);
  view.HandleKey("<");
  EXPECT_EQ(view.choice().key, TopKey::kIdle);
}

TEST(TopViewTest, KeysChangeTheView) {
  TopView view = Shown();
  EXPECT_THAT(ScreenOf(&view), HasSubstr("COMMAND"));
  view.HandleKey("s");
  EXPECT_THAT(ScreenOf(&view),
              AllOf(HasSubstr("sockets by sent"), HasSubstr("PEER")));
  EXPECT_THAT(PidsOf(&view), SizeIs(3));
  view.HandleKey("\t");
  EXPECT_THAT(ScreenOf(&view), HasSubstr("clients by sent"));
  view.HandleKey("?");
  EXPECT_THAT(ScreenOf(&view), HasSubstr("sort the other way round"));
  view.HandleKey("x");
  EXPECT_THAT(ScreenOf(&view), HasSubstr("COMMAND"));
  EXPECT_FALSE(view.HandleKey("q"));
}

TEST(TopViewTest, TheFilterIsTypedAndShown) {
  TopView view = Shown();
  for (const char* key : {"/", "M", "-", "2", "4", "\x7f"}) {
    EXPECT_TRUE(view.HandleKey(key));
  }
  EXPECT_THAT(ScreenOf(&view), HasSubstr("with \"M-2_\""));
  EXPECT_THAT(PidsOf(&view), ElementsAre("2"));
  view.HandleKey("\r");
  EXPECT_THAT(ScreenOf(&view), HasSubstr("with \"M-2\"\n"));
  view.HandleKey("\x1b");
  EXPECT_THAT(PidsOf(&view), SizeIs(3));
}

TEST(TopViewTest, ScrollsWithinTheRows) {
  TopView view = Shown();
  // A heading of 4 lines, that of the table, 2 rows, the last line.
  EXPECT_THAT(PidsOf(&view, 8), ElementsAre("1", "2"));
  view.HandleKey("\x1b[B");
  EXPECT_THAT(PidsOf(&view, 8), ElementsAre("2", "3"));
  view.HandleKey("j");
  EXPECT_THAT(PidsOf(&view, 8), ElementsAre("2", "3"));
  view.HandleKey("\x1b[H");
  EXPECT_THAT(PidsOf(&view, 8), ElementsAre("1", "2"));
  view.HandleKey("\x1b[6~");
  EXPECT_THAT(PidsOf(&view, 8), ElementsAre("2", "3"));
  view.HandleKey("\x1b[5~");
  EXPECT_THAT(PidsOf(&view, 8), ElementsAre("1", "2"));
}

TEST(TopViewTest, FillsScreensOfAllSizesAndNoMore) {
  for (const bool help : {false, true}) {
    TopView view = Shown();
    if (help) view.HandleKey("?");
    for (int columns = 1; columns < 130; columns += 3) {
      for (int rows = 1; rows < 30; rows += 4) {
        const auto lines = view.Screen({columns, rows}, false);
        EXPECT_THAT(lines, SizeIs(rows == 1 ? 2 : rows));
        for (const std::string& line : lines) {
          EXPECT_LE(line.size(), static_cast<size_t>(columns)) << line;
        }
      }
    }
  }
}

TEST(TopViewTest, AProblemIsSaidAboveTheOldRows) {
  TopView view = Shown();
  view.SetProblem("can't reach a daemon");
  EXPECT_THAT(ScreenOf(&view), AllOf(HasSubstr("\ncan't reach a daemon\n"),
                                     HasSubstr("program-1")));
  view.Show(TwoSamples().second);
  EXPECT_THAT(ScreenOf(&view), Not(HasSubstr("can't reach")));
}

TEST(TopViewTest, TextAndJsonHaveAllRows) {
  const TopView view = Shown();
  EXPECT_THAT(view.Text(TextStyle()),
              AllOf(HasSubstr("program-1\n"), HasSubstr("program-3\n")));
  EXPECT_THAT(view.Json(), AllOf(HasSubstr("\"client_id\":\"1\""),
                                 HasSubstr(",\"sent_per_second\":2048,"
                                           "\"received_per_second\":0,"
                                           "\"operations_per_second\":0}\n")));
}

// It may be another machine's.
TEST(TopViewTest, NothingThatTheDaemonSaysReachesTheTerminal) {
  auto [before, after] = TwoSamples();
  after.info.set_version("1\x1b[2J");
  TopView view({});
  view.Show(std::move(before));
  view.Show(std::move(after));
  const auto lines = view.Screen({100, 10}, false);
  EXPECT_THAT(lines[0], testing::HasSubstr("wspd 1\\x1b[2J, pid"));
  for (const std::string& line : lines) {
    EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace wspd
