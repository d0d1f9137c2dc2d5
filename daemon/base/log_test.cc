#include "daemon/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "daemon/base/owned_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const absl::Time kTime = absl::FromUnixMicros(1700000000123456);

std::string JournalLine(absl::string_view message,
                        std::initializer_list<LogField> fields) {
  return FormatLogLine(LogLevel::kInfo, kTime, /*journal=*/true, message,
                       fields);
}

// Takes over standard error while it lives.
class StderrCapture {
 public:
  StderrCapture() {
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    reader_.Reset(fds[0]);
    saved_.Reset(dup(STDERR_FILENO));
    EXPECT_EQ(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    close(fds[1]);
  }
  ~StderrCapture() { dup2(saved_.get(), STDERR_FILENO); }

  // What has been written since the last call.
  std::string Take() {
    char buffer[65536];
    const ssize_t size = read(reader_.get(), buffer, sizeof(buffer));
    return size < 0 ? "" : std::string(buffer, size);
  }

 private:
  OwnedFd reader_;
  OwnedFd saved_;
};

TEST(FormatLogLineTest, WithoutJournalHasTimeAndLevel) {
  EXPECT_EQ(FormatLogLine(LogLevel::kWarning, kTime, /*journal=*/false,
                          "client died", {{"client", 7}, {"pid", 42}}),
            "2023-11-14T22:13:20.123456Z WARNING client died client=7 "
            "pid=42\n");
}

TEST(FormatLogLineTest, JournalPriorityPerLevel) {
  for (auto [level, prefix] : {std::pair(LogLevel::kError, "<3>x\n"),
                               std::pair(LogLevel::kWarning, "<4>x\n"),
                               std::pair(LogLevel::kInfo, "<6>x\n"),
                               std::pair(LogLevel::kDebug, "<7>x\n")}) {
    EXPECT_EQ(FormatLogLine(level, kTime, true, "x", {}), prefix);
  }
}

TEST(FormatLogLineTest, QuotesWhatIsNotOnePlainWord) {
  EXPECT_EQ(JournalLine("m", {{"a", "/usr/bin/x"},
                              {"b", "two words"},
                              {"c", ""},
                              {"d", "x=y"},
                              {"e", "say \"hi\""}}),
            "<6>m a=/usr/bin/x b=\"two words\" c=\"\" d=\"x=y\" "
            "e=\"say \\\"hi\\\"\"\n");
}

TEST(FormatLogLineTest, ValuesCannotForgeALineOrReachATerminal) {
  const std::string line = JournalLine(
      "m", {{"name", absl::string_view("a\n<0>fake\r\x1b[2J\0\xc2\x9b", 18)}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  for (unsigned char c : line.substr(0, line.size() - 1)) {
    EXPECT_TRUE(c >= 0x20 && c < 0x7f) << int{c};
  }
  EXPECT_THAT(line, HasSubstr("a\\n<0>fake\\r\\x1b[2J\\x00\\xc2\\x9b"));
}

TEST(FormatLogLineTest, MessageIsEscapedToo) {
  EXPECT_EQ(JournalLine("a\nb", {}), "<6>a\\nb\n");
}

TEST(FormatLogLineTest, SaysHowManyWereSuppressedIfAnyWere) {
  EXPECT_EQ(FormatLogLine(LogLevel::kInfo, kTime, true, "m", {{"a", 1}}, 0),
            "<6>m a=1\n");
  EXPECT_EQ(FormatLogLine(LogLevel::kInfo, kTime, true, "m", {{"a", 1}}, 7),
            "<6>m a=1 suppressed=7\n");
}

TEST(FormatLogLineTest, LongValueIsCut) {
  const std::string exact(kMaxLogValueBytes, 'x');
  EXPECT_EQ(JournalLine("m", {{"v", exact}}), "<6>m v=" + exact + "\n");
  EXPECT_EQ(JournalLine("m", {{"v", exact + "y"}, {"w", 1}}),
            "<6>m v=\"" + exact + "...\" w=1\n");
}

TEST(FormatLogLineTest, LongLineIsCut) {
  const std::string hostile(kMaxLogValueBytes, '\xff');
  const std::string line =
      JournalLine("m", {{"a", hostile}, {"b", hostile}, {"c", hostile}});
  EXPECT_THAT(line, SizeIs(kMaxLogLineBytes));
  EXPECT_THAT(line, EndsWith("...\n"));
}

TEST(LogTest, WritesOneLineAndKeepsErrno) {
  StderrCapture capture;
  errno = ENOENT;
  Log(LogLevel::kInfo, "hello", {{"n", uint64_t{18446744073709551615u}}});
  EXPECT_EQ(errno, ENOENT);
  const std::string line = capture.Take();
  EXPECT_THAT(line, EndsWith(" INFO hello n=18446744073709551615\n"));
  EXPECT_THAT(line, Not(StartsWith("<")));
}

TEST(LogTest, LevelIsSetAtRunTime) {
  StderrCapture capture;
  Log(LogLevel::kDebug, "hidden");
  EXPECT_EQ(capture.Take(), "");
  SetLogLevel(LogLevel::kDebug);
  Log(LogLevel::kDebug, "shown");
  EXPECT_THAT(capture.Take(), HasSubstr("shown"));
  SetLogLevel(LogLevel::kError);
  Log(LogLevel::kWarning, "hidden");
  EXPECT_EQ(capture.Take(), "");
  SetLogLevel(LogLevel::kInfo);
}

TEST(LogLevelTest, NamesRoundTrip) {
  for (LogLevel level : {LogLevel::kError, LogLevel::kWarning, LogLevel::kInfo,
                         LogLevel::kDebug}) {
    EXPECT_EQ(ParseLogLevel(LogLevelName(level)).value(), level);
  }
  EXPECT_THAT(std::string(ParseLogLevel("loud").status().message()),
              HasSubstr("there are ERROR, WARNING, INFO and DEBUG"));
}

TEST(LogLimitTest, PassesItsLinesASecondAndCountsTheRest) {
  LogLimit limit(2);
  EXPECT_EQ(limit.Admit(kTime), 0u);
  EXPECT_EQ(limit.Admit(kTime), 0u);
  EXPECT_EQ(limit.Admit(kTime), absl::nullopt);
  EXPECT_EQ(limit.Admit(kTime), absl::nullopt);
  EXPECT_EQ(limit.Admit(kTime + absl::Seconds(1)), 2u);
  EXPECT_EQ(limit.Admit(kTime + absl::Seconds(1)), 0u);
}

}  // namespace
}  // namespace wspd
