#include "tests/bench/bulk_rows.h"

#include <functional>
#include <vector>

#include "tests/bench/clock.h"
#include "tests/bench/daemon.h"
#include "tests/bench/kernel_transport.h"
#include "tests/bench/peer.h"
#include "tests/bench/process.h"
#include "tests/bench/rounds.h"
#include "tests/bench/send_pump.h"
#include "tests/bench/spi_transport.h"

namespace wspd::bench {
namespace {

constexpr char kBlockingRow[] = "bulk_64k_blocking";
constexpr char kOverlappedRow[] = "bulk_64k_overlapped_8";
constexpr int kOutstandingSends = 8;

// Sends by `send_all` and returns MiB/s.
double Throughput(Stream* stream, uint64_t bytes,
                  const std::function<void()>& send_all) {
  char done;
  const double begin = Now();
  stream->Send(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
  send_all();
  stream->Receive(&done, 1);
  return static_cast<double>(bytes) / (Now() - begin) / (1 << 20);
}

double OverlappedThroughput(SpiStream* stream, uint64_t bytes) {
  return Throughput(stream, bytes, [&] {
    SendOverlapped(stream, kOutstandingSends, kBulkSize, bytes);
  });
}

Samples MeasureBulk(const Options& options, bool overlapped) {
  const Peer peer;
  const Daemon daemon(options.wspd, options.config);
  PinTo(kClientCpu);
  SpiTransport spi(options.provider);
  const auto native = KernelTransport().Connect(peer.port(kSink));
  const auto ours = spi.ConnectSpi(peer.port(kSink));
  return MeasureInTurn(
      options,
      [&] { return BlockingThroughput(native.get(), options.bulk_bytes); },
      [&] {
        return overlapped ? OverlappedThroughput(ours.get(), options.bulk_bytes)
                          : BlockingThroughput(ours.get(), options.bulk_bytes);
      });
}

}  // namespace

double BlockingThroughput(Stream* stream, uint64_t bytes) {
  const std::vector<char> data(kBulkSize);
  return Throughput(stream, bytes, [&] {
    for (uint64_t sent = 0; sent < bytes; sent += data.size()) {
      stream->Send(data.data(), data.size());
    }
  });
}

Group BulkBlockingGroup() {
  return {{{kBlockingRow, "MiB/s", Bound::kRatioAtLeast, 0.20, "native"}},
          [](const Options& options) {
            return RowSamples{{kBlockingRow, MeasureBulk(options, false)}};
          }};
}

Group BulkOverlappedGroup() {
  return {{{kOverlappedRow, "MiB/s", Bound::kRatioAtLeast, 0.33, "native"}},
          [](const Options& options) {
            return RowSamples{{kOverlappedRow, MeasureBulk(options, true)}};
          }};
}

}  // namespace wspd::bench
