// Measures the provider against the kernel's own sockets: see run.sh.

#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "tests/bench/die.h"
#include "tests/bench/groups.h"
#include "tests/bench/helpers.h"
#include "tests/bench/process.h"
#include "tests/bench/row.h"

ABSL_FLAG(std::string, provider, "", "path of the provider");
ABSL_FLAG(std::string, wspd, "", "path of the daemon; none is started without");
ABSL_FLAG(std::string, rows, "*", "measure the rows that match this pattern");
ABSL_FLAG(std::string, config, "",
          "text of the daemon's configuration, for example "
          "'threads { queues: 1 }'");
ABSL_FLAG(int, rounds, 15, "how often each row is measured");
ABSL_FLAG(std::string, json, "", "also write a JSON line for each row there");
ABSL_FLAG(bool, smoke, false,
          "one round of little; only whether the numbers can be is checked");
ABSL_FLAG(bool, ours_only, false,
          "for profiles: leave out what the provider is compared with");

namespace wspd::bench {
namespace {

constexpr unsigned kGroupTimeoutSeconds = 120;

Options OptionsFromFlags() {
  Options options;
  options.provider = absl::GetFlag(FLAGS_provider);
  options.wspd = absl::GetFlag(FLAGS_wspd);
  options.config = absl::GetFlag(FLAGS_config);
  options.rounds = absl::GetFlag(FLAGS_rounds);
  options.ours_only = absl::GetFlag(FLAGS_ours_only);
  if (!absl::GetFlag(FLAGS_smoke)) return options;
  options.rounds = 1;
  options.echo_round_trips = 50;
  options.bulk_bytes = uint64_t{4} << 20;
  options.connections = 10;
  options.held_connections = 20;
  options.idle_sockets = 50;
  options.echo_idle_sockets = 50;
  options.idle_clients = 5;
  options.watched_sockets = 20;
  options.datagram_seconds = 0.02;
  return options;
}

bool IsWanted(const Row& row) {
  return fnmatch(absl::GetFlag(FLAGS_rows).c_str(), row.name, 0) == 0;
}

bool IsWanted(const Group& group) {
  for (const Row& row : group.rows) {
    if (IsWanted(row)) return true;
  }
  return false;
}

void Report(const Result& result) {
  printf("%s\n", TableLine(result).c_str());
  fflush(stdout);
  const std::string json = absl::GetFlag(FLAGS_json);
  if (json.empty()) return;
  std::ofstream file(json, std::ios::app);
  file << JsonLine(result) << std::endl;
  if (!file) Die("can't write " + json);
}

// In the process of the group.
void MeasureAndReport(const Group& group) {
  prctl(PR_SET_NAME, "bench_client");
  alarm(kGroupTimeoutSeconds);
  const RowSamples samples = group.measure(OptionsFromFlags());
  for (const Row& row : group.rows) {
    if (!IsWanted(row)) continue;
    const Result result = Summarize(row, samples.at(row.name));
    Report(result);
    if (!absl::GetFlag(FLAGS_ours_only) && !IsSane(result)) {
      Die(std::string(row.name) + ": this can't be");
    }
  }
}

// A provider that crashes or hangs takes nothing with it but its group.
bool Measure(const Group& group) {
  ChildProcess process(kAnyCpu, [&] { MeasureAndReport(group); });
  const int status = process.Wait();
  if (status == 0) return true;
  printf("%-28s could not be measured: status %d\n", group.rows[0].name,
         status);
  fflush(stdout);
  return false;
}

// The daemon and the holders of many sockets inherit it.
void AllowManyFiles() {
  rlimit limit;
  CheckErrno(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  CheckErrno(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

int Run() {
  if (absl::GetFlag(FLAGS_provider).empty()) Die("--provider is missing");
  AllowManyFiles();
  if (const std::string json = absl::GetFlag(FLAGS_json); !json.empty()) {
    std::ofstream truncated(json);
    if (!truncated) Die("can't write " + json);
  }
  printf("%s\n", TableHeader().c_str());
  fflush(stdout);
  bool good = true;
  for (const Group& group : AllGroups()) {
    if (IsWanted(group) && !Measure(group)) good = false;
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace wspd::bench

int main(int argc, char** argv) {
  if (wspd::bench::PlayRole({argv + 1, argv + argc})) return 0;
  absl::SetProgramUsageMessage("measures a provider; see tests/bench/run.sh");
  absl::ParseCommandLine(argc, argv);
  return wspd::bench::Run();
}
