#include "tests/bench/idle_rows.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/daemon.h"
#include "tests/bench/helpers.h"
#include "tests/bench/peer.h"
#include "tests/bench/process.h"
#include "tests/bench/rounds.h"

namespace wspd::bench {
namespace {

constexpr char kSocketsRow[] = "echo_64_10000_idle_sockets";
constexpr char kClientsRow[] = "echo_64_1000_idle_clients";
constexpr int kSocketsOfIdleClient = 5;
// Begun at a time: all at once would be late with their first call.
constexpr int kClientsAtOnce = 20;

// A client process that measures the echo, with idle sockets of its own.
class Echoer {
 public:
  Echoer(const std::string& provider, const Peer& peer, int idle,
         int round_trips)
      : process_(kClientCpu,
                 EchoerCommand(provider, peer.port(kEcho), peer.port(kKeep),
                               idle, round_trips)) {
    process_.ReadLine();
  }

  double Measure() {
    process_.WriteLine("go");
    return std::stod(process_.ReadLine());
  }

 private:
  ChildProcess process_;
};

// Of the kernel, of a client beside nothing, and of the one that is meant.
Samples MeasureEchoers(const Options& options, Echoer* native, Echoer* plain,
                       Echoer* loaded) {
  Samples samples;
  std::vector<double> native_values;
  samples = MeasureInTurn(
      options,
      [&] {
        native_values.push_back(native->Measure());
        return plain->Measure();
      },
      [&] { return loaded->Measure(); });
  samples.base.swap(samples.native);
  if (!native_values.empty()) {
    samples.native.assign(native_values.begin() + 1, native_values.end());
  }
  return samples;
}

// The daemon that is made last is that of the processes that follow.
RowSamples MeasureBesideSockets(const Options& options) {
  const int idle = options.echo_idle_sockets;
  const Peer peer;
  const auto echoer = [&](const std::string& provider, int idle_sockets) {
    return std::make_unique<Echoer>(provider, peer, idle_sockets,
                                    options.echo_round_trips);
  };
  const auto native = echoer(kNoProvider, 0);
  const Daemon plain_daemon(options.wspd, options.config);
  const auto plain = echoer(options.provider, 0);
  const Daemon loaded_daemon(options.wspd,
                             options.config + " limits { sockets_per_client: " +
                                 std::to_string(idle + 1) + " }");
  const auto loaded = echoer(options.provider, idle);
  return {{kSocketsRow,
           MeasureEchoers(options, native.get(), plain.get(), loaded.get())}};
}

using Holders = std::vector<std::unique_ptr<ChildProcess>>;

Holders StartHolders(const Options& options, const Peer& peer) {
  Holders holders;
  for (int i = 0; i < options.idle_clients; i += kClientsAtOnce) {
    const int end = std::min(i + kClientsAtOnce, options.idle_clients);
    for (int j = i; j < end; ++j) {
      holders.push_back(std::make_unique<ChildProcess>(
          kAnyCpu, HolderCommand(options.provider, peer.port(kKeep),
                                 kSocketsOfIdleClient)));
    }
    for (int j = i; j < end; ++j) holders[static_cast<size_t>(j)]->ReadLine();
  }
  return holders;
}

RowSamples MeasureBesideClients(const Options& options) {
  const Peer peer;
  const auto echoer = [&](const std::string& provider) {
    return std::make_unique<Echoer>(provider, peer, 0,
                                    options.echo_round_trips);
  };
  const auto native = echoer(kNoProvider);
  const Daemon plain_daemon(options.wspd, options.config);
  const auto plain = echoer(options.provider);
  const Daemon loaded_daemon(options.wspd, options.config);
  const auto loaded = echoer(options.provider);
  const Holders holders = StartHolders(options, peer);
  return {{kClientsRow,
           MeasureEchoers(options, native.get(), plain.get(), loaded.get())}};
}

}  // namespace

Group EchoBesideIdleSocketsGroup() {
  return {{{kSocketsRow, "us", Bound::kRatioAtMost, 1.2, "echo_64"}},
          MeasureBesideSockets};
}

Group EchoBesideIdleClientsGroup() {
  return {{{kClientsRow, "us", Bound::kRatioAtMost, 1.2, "echo_64"}},
          MeasureBesideClients};
}

}  // namespace wspd::bench
