#include "tests/bench/connection_rows.h"

#include "tests/bench/clock.h"
#include "tests/bench/daemon.h"
#include "tests/bench/kernel_transport.h"
#include "tests/bench/peer.h"
#include "tests/bench/process.h"
#include "tests/bench/rounds.h"
#include "tests/bench/spi_transport.h"

namespace wspd::bench {
namespace {

constexpr char kRow[] = "connections_1k";

double ConnectionsPerSecond(Transport* transport, uint16_t port, int count) {
  char request[kRequestSize] = {};
  const double begin = Now();
  for (int i = 0; i < count; ++i) {
    const auto stream = transport->Connect(port);
    stream->Send(request, sizeof(request));
    stream->Receive(request, sizeof(request));
  }
  return count / (Now() - begin);
}

RowSamples MeasureConnections(const Options& options) {
  const Peer peer;
  const Daemon daemon(options.wspd, options.config);
  PinTo(kClientCpu);
  KernelTransport kernel;
  SpiTransport spi(options.provider);
  const auto measure = [&](Transport* transport) {
    return ConnectionsPerSecond(transport, peer.port(kRequests),
                                options.connections);
  };
  return {{kRow, MeasureInTurn(
                     options, [&] { return measure(&kernel); },
                     [&] { return measure(&spi); })}};
}

}  // namespace

Group ConnectionGroup() {
  return {{{kRow, "1/s", Bound::kRatioAtLeast, 0.12, "native"}},
          MeasureConnections};
}

}  // namespace wspd::bench
