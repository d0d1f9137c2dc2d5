#ifndef WSPD_TESTS_BENCH_ROW_H_
#define WSPD_TESTS_BENCH_ROW_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace wspd::bench {

// What the target bounds: the paired ratio of ours to the base, or our value.
enum class Bound { kRatioAtMost, kRatioAtLeast, kValueAtMost };

struct Row {
  const char* name;
  const char* unit;  // of the values
  Bound bound;
  double target;
  const char* base;  // what the ratio is to: "native" or a row; "" if none
  const char* plane = "forwarded";
};

// One value a round. `base` is empty if it is `native`, and both are where
// nothing was compared.
struct Samples {
  std::vector<double> native;
  std::vector<double> base;
  std::vector<double> ours;
};

using RowSamples = std::map<std::string, Samples>;

struct Options {
  std::string provider;  // path of the provider
  std::string wspd;      // path of the daemon; "" for a provider without
  std::string config;    // text of the daemon's configuration
  int rounds = 15;
  bool ours_only = false;  // for profiles: leaves out what it is compared with

  // How much a round does.
  int echo_round_trips = 3000;
  uint64_t bulk_bytes = uint64_t{256} << 20;
  int connections = 400;
  int held_connections = 1000;
  int idle_sockets = 5000;
  int echo_idle_sockets = 10000;
  int idle_clients = 1000;
  int watched_sockets = 1000;
  double datagram_seconds = 0.2;
};

// Rows that are measured together.
struct Group {
  std::vector<Row> rows;
  RowSamples (*measure)(const Options& options);
};

struct Result {
  Row row;
  double native = 0;  // medians; NaN if not measured
  double base = 0;
  double ours = 0;
  double ratio = 0;       // of the pairs; NaN if there is no base
  double lo = 0, hi = 0;  // interval of what the target bounds
  bool ok = false;        // whether the target is reached
  int rounds = 0;
};

Result Summarize(const Row& row, const Samples& samples);

// Whether the numbers can be what they say, however slow the machine is.
bool IsSane(const Result& result);

// One line without its end.
std::string TableHeader();
std::string TableLine(const Result& result);
std::string JsonLine(const Result& result);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_ROW_H_
