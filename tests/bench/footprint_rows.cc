#include "tests/bench/footprint_rows.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <sstream>

#include "tests/bench/daemon.h"
#include "tests/bench/die.h"
#include "tests/bench/helpers.h"
#include "tests/bench/memory.h"
#include "tests/bench/peer.h"
#include "tests/bench/process.h"

namespace wspd::bench {
namespace {

constexpr char kIdleSocketRow[] = "idle_socket_memory";
constexpr char kStartupRow[] = "startup";
constexpr char kLoadRow[] = "load";
constexpr char kSizeRow[] = "library_size";
constexpr char kThreadsRow[] = "added_threads";
constexpr char kMemoryRow[] = "added_memory";

constexpr double kNoTarget = std::numeric_limits<double>::infinity();

// Two numbers of a line.
std::pair<double, double> ParsePair(const std::string& line) {
  std::pair<double, double> values;
  std::istringstream stream(line);
  if (!(stream >> values.first >> values.second)) Die("not numbers: " + line);
  return values;
}

// What a daemon has of its own: the share of its program's pages that counts as
// its ("Pss") becomes less as others run that, too.
constexpr char kOwnMemory[] = "Anonymous";

double IdleSocketKib(const Options& options) {
  const int count = options.idle_sockets;
  const Peer peer;
  const Daemon daemon(options.wspd, options.config +
                                        " limits { sockets_per_client: " +
                                        std::to_string(count + 1) + " }");
  const double before = MemoryKib(daemon.pid(), kOwnMemory);
  ChildProcess holder(kClientCpu,
                      HolderCommand(options.provider, peer.port(kKeep), count));
  holder.ReadLine();
  return (MemoryKib(daemon.pid(), kOwnMemory) - before) / count;
}

RowSamples MeasureIdleSockets(const Options& options) {
  Samples samples;
  for (int round = 0; round < options.rounds; ++round) {
    samples.ours.push_back(IdleSocketKib(options));
  }
  return {{kIdleSocketRow, std::move(samples)}};
}

RowSamples MeasureStartups(const Options& options) {
  constexpr int kStartupsPerRound = 5;
  const Daemon daemon(options.wspd, options.config);
  RowSamples samples;
  for (int i = 0; i < options.rounds * kStartupsPerRound; ++i) {
    const auto [load, startup] =
        ParsePair(FirstLineOf(kClientCpu, StartupCommand(options.provider)));
    samples[kLoadRow].ours.push_back(load);
    samples[kStartupRow].ours.push_back(startup);
  }
  return samples;
}

RowSamples MeasureLibrarySize(const Options& options) {
  std::string copy = std::filesystem::temp_directory_path() / "libwsp.XXXXXX";
  close(CheckErrno(mkstemp(&copy[0]), "mkstemp"));
  ChildProcess strip(
      kAnyCpu, {"strip", "--strip-unneeded", "-o", copy, options.provider});
  if (strip.Wait() != 0) Die("strip failed");
  const double size = static_cast<double>(std::filesystem::file_size(copy));
  std::filesystem::remove(copy);
  return {{kSizeRow, {{}, {}, {size / 1024}}}};
}

RowSamples MeasureAddedToProcess(const Options& options) {
  const Peer peer;
  const Daemon daemon(options.wspd, options.config);
  RowSamples samples;
  for (int round = 0; round < options.rounds; ++round) {
    const auto [threads, kib] = ParsePair(FirstLineOf(
        kClientCpu, FootprintCommand(options.provider, peer.port(kEcho))));
    samples[kThreadsRow].ours.push_back(threads);
    samples[kMemoryRow].ours.push_back(kib);
  }
  return samples;
}

}  // namespace

Group IdleSocketGroup() {
  return {{{kIdleSocketRow, "KiB", Bound::kValueAtMost, 2, ""}},
          MeasureIdleSockets};
}

Group StartupGroup() {
  return {{{kStartupRow, "ms", Bound::kValueAtMost, 3, ""},
           {kLoadRow, "ms", Bound::kValueAtMost, kNoTarget, ""}},
          MeasureStartups};
}

Group LibrarySizeGroup() {
  return {{{kSizeRow, "KiB", Bound::kValueAtMost, 1024, ""}},
          MeasureLibrarySize};
}

Group AddedToProcessGroup() {
  return {{{kThreadsRow, "", Bound::kValueAtMost, 1, ""},
           {kMemoryRow, "KiB", Bound::kValueAtMost, 3072, ""}},
          MeasureAddedToProcess};
}

}  // namespace wspd::bench
