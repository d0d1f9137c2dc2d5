#include "tests/bench/event_rows.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/burst_peer.h"
#include "tests/bench/clock.h"
#include "tests/bench/daemon.h"
#include "tests/bench/die.h"
#include "tests/bench/many_sockets.h"
#include "tests/bench/process.h"
#include "tests/bench/rounds.h"
#include "tests/bench/spi_transport.h"

namespace wspd::bench {
namespace {

constexpr char kSelectRow[] = "select_1000";
constexpr char kEnumRow[] = "enum_network_events_1000";

constexpr double kNoTarget = std::numeric_limits<double>::infinity();

struct Times {
  double select = 0;
  double events = 0;
};

// In microseconds.
Times MeasureOnce(ManySockets* sockets, int count) {
  sockets->Burst();
  const double begin = Now();
  const int readable = sockets->CountReadable();
  const double selected = Now();
  const int events = sockets->TakeEvents();
  const double end = Now();
  sockets->Read();
  if (readable != count || events != count) {
    Die("of " + std::to_string(count) + " readable sockets " +
        std::to_string(readable) + " were selected, and " +
        std::to_string(events) + " had an event");
  }
  return {(selected - begin) * 1e6, (end - selected) * 1e6};
}

RowSamples MeasureEvents(const Options& options) {
  const int count = options.watched_sockets;
  const BurstPeer peer(count);
  const Daemon daemon(options.wspd, options.config);
  PinTo(kClientCpu);
  SpiTransport spi(options.provider);
  const auto native = MakeKernelSockets(peer.port(0), count);
  const auto ours = MakeSpiSockets(&spi, peer.port(1), count);
  Samples events;
  const auto measure = [&](ManySockets* sockets, std::vector<double>* values) {
    const Times times = MeasureOnce(sockets, count);
    values->push_back(times.events);
    return times.select;
  };
  Samples select = MeasureInTurn(
      options, [&] { return measure(native.get(), &events.native); },
      [&] { return measure(ours.get(), &events.ours); });
  // The round that MeasureInTurn doesn't count.
  if (!events.native.empty()) events.native.erase(events.native.begin());
  events.ours.erase(events.ours.begin());
  return {{kSelectRow, std::move(select)}, {kEnumRow, std::move(events)}};
}

}  // namespace

Group EventGroup() {
  return {{{kSelectRow, "us", Bound::kValueAtMost, kNoTarget, "native"},
           {kEnumRow, "us", Bound::kValueAtMost, kNoTarget, "native"}},
          MeasureEvents};
}

}  // namespace wspd::bench
