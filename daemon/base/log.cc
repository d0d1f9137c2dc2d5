#include "daemon/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/ascii.h"
#include "daemon/base/escape.h"

namespace wspd {
namespace {

constexpr absl::string_view kCut = "...";

struct LevelNames {
  absl::string_view name;
  absl::string_view journal_prefix;
};

// Indexed by LogLevel.
constexpr std::array<LevelNames, 4> kLevels = {{
    {"ERROR", "<3>"},
    {"WARNING", "<4>"},
    {"INFO", "<6>"},
    {"DEBUG", "<7>"},
}};

std::atomic<LogLevel> g_level{LogLevel::kInfo};

const LevelNames& NamesOf(LogLevel level) {
  return kLevels[static_cast<size_t>(level)];
}

// Whether a value can stand without quotes.
bool IsPlain(absl::string_view value) {
  return !value.empty() &&
         std::all_of(value.begin(), value.end(), [](unsigned char c) {
           return absl::ascii_isgraph(c) &&
                  strchr("\"'\\=", static_cast<char>(c)) == nullptr;
         });
}

void AppendValue(absl::string_view value, std::string* line) {
  const bool cut = value.size() > kMaxLogValueBytes;
  value = value.substr(0, kMaxLogValueBytes);
  if (IsPlain(value) && !cut) {
    line->append(value.data(), value.size());
    return;
  }
  absl::StrAppend(line, "\"", Escape(value, "\""), cut ? kCut : "", "\"");
}

// As systemd asks its services to decide: the variable is inherited by
// processes whose standard error goes elsewhere.
bool StderrIsJournal() {
  const char* stream = getenv("JOURNAL_STREAM");
  struct stat status;
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return absl::StrCat(status.st_dev, ":", status.st_ino) == stream;
}

}  // namespace

std::string FormatLogLine(LogLevel level, absl::Time time, bool journal,
                          absl::string_view message,
                          std::initializer_list<LogField> fields,
                          uint64_t suppressed) {
  std::string line;
  if (journal) {
    absl::StrAppend(&line, NamesOf(level).journal_prefix);
  } else {
    absl::StrAppend(
        &line,
        absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ ", time, absl::UTCTimeZone()),
        NamesOf(level).name, " ");
  }
  absl::StrAppend(&line, Escape(message.substr(0, kMaxLogLineBytes)));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", field.key, "=");
    AppendValue(field.value.Piece(), &line);
  }
  if (suppressed != 0) absl::StrAppend(&line, " suppressed=", suppressed);
  if (line.size() >= kMaxLogLineBytes) {
    line.resize(kMaxLogLineBytes - kCut.size() - 1);
    absl::StrAppend(&line, kCut);
  }
  line.push_back('\n');
  return line;
}

void Log(LogLevel level, absl::string_view message,
         std::initializer_list<LogField> fields, uint64_t suppressed) {
  if (!LogEnabled(level)) return;
  const int saved_errno = errno;
  static const bool journal = StderrIsJournal();
  const std::string line =
      FormatLogLine(level, absl::Now(), journal, message, fields, suppressed);
  ssize_t written;
  do {
    written = write(STDERR_FILENO, line.data(), line.size());
  } while (written < 0 && errno == EINTR);
  errno = saved_errno;
}

void SetLogLevel(LogLevel level) {
  g_level.store(level, std::memory_order_relaxed);
}

LogLevel CurrentLogLevel() { return g_level.load(std::memory_order_relaxed); }

bool LogEnabled(LogLevel level) { return level <= CurrentLogLevel(); }

absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view name) {
  for (size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i].name == name) return static_cast<LogLevel>(i);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Escape(name),
                   "\" is not a log level; there are ERROR, WARNING, INFO and "
                   "DEBUG"));
}

absl::string_view LogLevelName(LogLevel level) { return NamesOf(level).name; }

absl::optional<uint64_t> LogLimit::Admit(absl::Time now) {
  const int64_t second = absl::ToUnixSeconds(now);
  int64_t current = second_.load(std::memory_order_relaxed);
  if (second != current && second_.compare_exchange_strong(
                               current, second, std::memory_order_relaxed)) {
    used_.store(0, std::memory_order_relaxed);
  }
  if (used_.fetch_add(1, std::memory_order_relaxed) < lines_) {
    return suppressed_.exchange(0, std::memory_order_relaxed);
  }
  suppressed_.fetch_add(1, std::memory_order_relaxed);
  return absl::nullopt;
}

}  // namespace wspd
