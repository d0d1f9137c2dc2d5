#include "daemon/metrics/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/identity/proc_file.h"

namespace wspd {
namespace {

// When the system was booted, Unix time in seconds.
absl::optional<double> BootTime() {
  const auto text = ReadProcFile("/proc/stat", size_t{4} << 20);
  if (!text) return absl::nullopt;
  double seconds;
  if (!absl::SimpleAtod(StatusLine(*text, "btime "), &seconds)) {
    return absl::nullopt;
  }
  return seconds;
}

// The numbers of /proc/self/stat from the third field on, of which the first is
// a letter.
std::vector<absl::string_view> StatFields(absl::string_view stat) {
  const size_t name_end = stat.rfind(')');
  if (name_end == absl::string_view::npos) return {};
  return absl::StrSplit(stat.substr(name_end + 1), ' ', absl::SkipEmpty());
}

absl::optional<double> OpenDescriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"),
                                                   &closedir);
  if (folder == nullptr) return absl::nullopt;
  double count = 0;
  while (const dirent* entry = readdir(folder.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count - 1;  // the folder's own
}

void AddStat(Families* families) {
  const auto text = ReadProcFile("/proc/self/stat", kMaxProcFileBytes);
  if (!text) return;
  const std::vector<absl::string_view> fields = StatFields(*text);
  // Field n of proc(5).
  const auto field = [&fields](size_t n) {
    double value = 0;
    return n - 3 < fields.size() && absl::SimpleAtod(fields[n - 3], &value)
               ? value
               : 0;
  };
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  families->Counter("process_cpu_seconds_total",
                    "User and system CPU time, in seconds.",
                    (field(14) + field(15)) / ticks);
  families->Gauge("process_threads", "Threads of the process.", field(20));
  families->Gauge("process_virtual_memory_bytes", "Virtual memory, in bytes.",
                  field(23));
  families->Gauge("process_resident_memory_bytes", "Resident memory, in bytes.",
                  field(24) * page);
  static const absl::optional<double> boot = BootTime();
  if (boot) {
    families->Gauge("process_start_time_seconds",
                    "When the process started, Unix time in seconds.",
                    *boot + field(22) / ticks);
  }
}

}  // namespace

void AddProcessMetrics(Families* families) {
  AddStat(families);
  if (const auto open = OpenDescriptors()) {
    families->Gauge("process_open_fds", "Open file descriptors.", *open);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families->Gauge("process_max_fds",
                    "Most file descriptors that may be open.",
                    static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace wspd
