#include "tests/bench/cpu_rows.h"

#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "tests/bench/cpu_time.h"
#include "tests/bench/daemon.h"
#include "tests/bench/die.h"
#include "tests/bench/echo.h"
#include "tests/bench/kernel_transport.h"
#include "tests/bench/peer.h"
#include "tests/bench/process.h"
#include "tests/bench/rounds.h"
#include "tests/bench/spi_transport.h"

namespace wspd::bench {
namespace {

constexpr char kBulkClientRow[] = "cpu_gib_client";
constexpr char kBulkDaemonRow[] = "cpu_gib_daemon";
constexpr char kCallsClientRow[] = "cpu_100k_calls_client";
constexpr char kCallsDaemonRow[] = "cpu_100k_calls_daemon";

constexpr double kNoTarget = std::numeric_limits<double>::infinity();

void SendBulk(Stream* stream, uint64_t bytes) {
  const std::vector<char> data(kBulkSize);
  char done;
  stream->Send(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
  for (uint64_t sent = 0; sent < bytes; sent += data.size()) {
    stream->Send(data.data(), data.size());
  }
  stream->Receive(&done, 1);
}

// `work` is done on a stream to `service`, and is such a part of what the rows
// are for.
RowSamples Measure(const Options& options, Service service, double part,
                   const std::function<void(Stream*)>& work,
                   const char* client_row, const char* daemon_row) {
  const Peer peer;
  const Daemon daemon(options.wspd, options.config);
  PinTo(kClientCpu);
  SpiTransport spi(options.provider);
  const auto native = KernelTransport().Connect(peer.port(service));
  const auto ours = spi.Connect(peer.port(service));
  const auto client_seconds = [&](Stream* stream) {
    const double before = CpuSeconds();
    work(stream);
    return (CpuSeconds() - before) / part;
  };
  Samples of_daemon;
  Samples of_client = MeasureInTurn(
      options, [&] { return client_seconds(native.get()); },
      [&] {
        const double before = CpuSeconds(daemon.pid());
        const double value = client_seconds(ours.get());
        of_daemon.ours.push_back((CpuSeconds(daemon.pid()) - before) / part);
        return value;
      });
  // The round that MeasureInTurn doesn't count.
  of_daemon.ours.erase(of_daemon.ours.begin());
  return {{client_row, std::move(of_client)},
          {daemon_row, std::move(of_daemon)}};
}

RowSamples MeasureBulk(const Options& options) {
  const double part =
      static_cast<double>(options.bulk_bytes) / (uint64_t{1} << 30);
  return Measure(
      options, kSink, part,
      [&](Stream* stream) { SendBulk(stream, options.bulk_bytes); },
      kBulkClientRow, kBulkDaemonRow);
}

RowSamples MeasureCalls(const Options& options) {
  const double part = options.echo_round_trips * 2 / 1e5;
  return Measure(
      options, kEcho, part,
      [&](Stream* stream) {
        EchoMicroseconds(stream, options.echo_round_trips);
      },
      kCallsClientRow, kCallsDaemonRow);
}

}  // namespace

Group CpuOfBulkGroup() {
  return {{{kBulkClientRow, "s", Bound::kValueAtMost, kNoTarget, "native"},
           {kBulkDaemonRow, "s", Bound::kValueAtMost, kNoTarget, ""}},
          MeasureBulk};
}

Group CpuOfCallsGroup() {
  return {{{kCallsClientRow, "s", Bound::kValueAtMost, kNoTarget, "native"},
           {kCallsDaemonRow, "s", Bound::kValueAtMost, kNoTarget, ""}},
          MeasureCalls};
}

}  // namespace wspd::bench
