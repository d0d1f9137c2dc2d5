#ifndef WSPD_DAEMON_BASE_LOG_H_
#define WSPD_DAEMON_BASE_LOG_H_

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace wspd {

enum class LogLevel { kError = 0, kWarning = 1, kInfo = 2, kDebug = 3 };

// One key=value of a log line. Lives only as long as the expression that
// contains it: `{"pid", pid}` in a call of Log.
struct LogField {
  absl::string_view key;
  // Any number or string. Never payload.
  absl::AlphaNum value;
};

// A value longer than this is cut, and so is a line, with "..." at the end.
inline constexpr size_t kMaxLogValueBytes = 512;
inline constexpr size_t kMaxLogLineBytes = 2048;

// Writes one line to standard error with a single write(2), if `level` is
// enabled:
//
//   2026-01-02T03:04:05.678901Z INFO client attached client=1 cause="EOF: x"
//
// Under the systemd journal (standard error is what $JOURNAL_STREAM names) time
// and level give way to the journal's own priority prefix, "<6>".
//
// `message` and the keys are the program's own words; values may come from
// anywhere. What isn't printable ASCII is escaped in all of them, so that
// nobody can forge a line or reach a terminal. `suppressed`, what LogLimit kept
// back before this line, is a field of its own unless it is 0. Thread-safe;
// errno is preserved.
void Log(LogLevel level, absl::string_view message,
         std::initializer_list<LogField> fields = {}, uint64_t suppressed = 0);

// The least severe level that is written; kInfo at first. Thread-safe.
void SetLogLevel(LogLevel level);
LogLevel CurrentLogLevel();
bool LogEnabled(LogLevel level);

// From and to "ERROR", "WARNING", "INFO", "DEBUG".
absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view name);
absl::string_view LogLevelName(LogLevel level);

// The line that Log writes, with its end of line; for Log and its test.
std::string FormatLogLine(LogLevel level, absl::Time time, bool journal,
                          absl::string_view message,
                          std::initializer_list<LogField> fields,
                          uint64_t suppressed = 0);

// Lets at most `lines` a second pass, for a log line that outsiders can cause
// at will. One for each place, with static storage:
//
//   static LogLimit limit(10);
//   if (auto suppressed = limit.Admit()) {
//     Log(LogLevel::kWarning, "frame refused", {{"pid", pid}}, *suppressed);
//   }
//
// Thread-safe and trivially destructible.
class LogLimit {
 public:
  explicit constexpr LogLimit(uint32_t lines) : lines_(lines) {}

  // Nothing if the line is to be dropped; else how many were dropped since the
  // last one that passed.
  absl::optional<uint64_t> Admit(absl::Time now = absl::Now());

 private:
  const uint32_t lines_;
  std::atomic<int64_t> second_{0};
  std::atomic<uint32_t> used_{0};
  std::atomic<uint64_t> suppressed_{0};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_LOG_H_
