#include "tests/bench/lent_rows.h"

#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "tests/bench/bulk_rows.h"
#include "tests/bench/daemon.h"
#include "tests/bench/datagram_peer.h"
#include "tests/bench/datagram_rows.h"
#include "tests/bench/die.h"
#include "tests/bench/echo.h"
#include "tests/bench/kernel_transport.h"
#include "tests/bench/peer.h"
#include "tests/bench/process.h"
#include "tests/bench/rounds.h"
#include "tests/bench/spi_transport.h"

namespace wspd::bench {
namespace {

// A second copy of the provider's library, which knows nothing of the first.
class LibraryCopy {
 public:
  explicit LibraryCopy(const std::string& library) {
    folder_ = std::filesystem::temp_directory_path() / "wsp_bench.XXXXXX";
    if (mkdtemp(&folder_[0]) == nullptr) DieOfErrno("mkdtemp");
    path_ = folder_ + "/libwsp_lent.so";
    std::filesystem::copy_file(library, path_);
  }
  ~LibraryCopy() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  LibraryCopy(const LibraryCopy&) = delete;
  LibraryCopy& operator=(const LibraryCopy&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string folder_;
  std::string path_;
};

// The kernel's sockets and both planes in this process, each provider with a
// daemon of its own.
class Planes {
 public:
  explicit Planes(const Options& options)
      : forwarded_daemon_(options.wspd, options.config),
        copy_(options.provider) {
    // The one whose socket the environment names, then the other.
    forwarded_ = std::make_unique<SpiTransport>(options.provider);
    lent_daemon_ = std::make_unique<Daemon>(options.wspd, options.config);
    // Not before: the daemons would inherit it.
    PinTo(kClientCpu);
    setenv("WSPD_PLANE", "lent", 1);
    lent_ = std::make_unique<SpiTransport>(copy_.path());
    unsetenv("WSPD_PLANE");
  }

  Transport& native() { return native_; }
  Transport& forwarded() { return *forwarded_; }
  Transport& lent() { return *lent_; }

 private:
  Daemon forwarded_daemon_;
  LibraryCopy copy_;
  KernelTransport native_;
  std::unique_ptr<SpiTransport> forwarded_;
  std::unique_ptr<Daemon> lent_daemon_;
  std::unique_ptr<SpiTransport> lent_;
};

// All three in turn; the row is that of both ratios.
RowSamples MeasurePlanes(const Options& options, const char* row,
                         const char* row_by_forwarded,
                         const std::function<double()>& native,
                         const std::function<double()>& forwarded,
                         const std::function<double()>& lent) {
  std::vector<double> others;
  Samples samples = MeasureInTurn(
      options,
      [&] {
        others.push_back(forwarded());
        return native();
      },
      lent);
  // Not of the round that isn't counted.
  if (!others.empty()) others.erase(others.begin());
  Samples by_forwarded = samples;
  by_forwarded.base = std::move(others);
  return {{row, std::move(samples)},
          {row_by_forwarded, std::move(by_forwarded)}};
}

// Of a connection to the service on each.
RowSamples MeasureStreams(const Options& options, Service service,
                          const char* row, const char* row_by_forwarded,
                          const std::function<double(Stream*)>& measure) {
  const Peer peer;
  Planes planes(options);
  const uint16_t port = peer.port(service);
  const auto native = planes.native().Connect(port);
  const auto forwarded = planes.forwarded().Connect(port);
  const auto lent = planes.lent().Connect(port);
  return MeasurePlanes(
      options, row, row_by_forwarded, [&] { return measure(native.get()); },
      [&] { return measure(forwarded.get()); },
      [&] { return measure(lent.get()); });
}

RowSamples MeasureEcho(const Options& options) {
  return MeasureStreams(
      options, kEcho, "lent_echo_64", "lent_echo_64_by_forwarded",
      [&options](Stream* stream) {
        return EchoMicroseconds(stream, options.echo_round_trips);
      });
}

RowSamples MeasureBulk(const Options& options) {
  return MeasureStreams(options, kSink, "lent_bulk_64k_blocking",
                        "lent_bulk_64k_by_forwarded",
                        [&options](Stream* stream) {
                          return BlockingThroughput(stream, options.bulk_bytes);
                        });
}

RowSamples MeasureDatagrams(const Options& options, bool send) {
  const DatagramPeer peer;
  Planes planes(options);
  const uint16_t port = send ? peer.sink_port() : peer.flood_port();
  const auto native = planes.native().OpenDatagrams(port);
  const auto forwarded = planes.forwarded().OpenDatagrams(port);
  const auto lent = planes.lent().OpenDatagrams(port);
  const auto rate = [&](Datagrams* socket) {
    return send ? SendRate(options, socket) : ReceiveRate(options, socket);
  };
  return MeasurePlanes(
      options, send ? "lent_udp_1400_send" : "lent_udp_1400_receive",
      send ? "lent_udp_send_by_forwarded" : "lent_udp_recv_by_forwarded",
      [&] { return rate(native.get()); }, [&] { return rate(forwarded.get()); },
      [&] { return rate(lent.get()); });
}

Group GroupOf(const char* row, const char* row_by_forwarded,
              const char* forwarded_row, const char* unit, Bound bound,
              RowSamples (*measure)(const Options&)) {
  // There is no target.
  constexpr double kAny = std::numeric_limits<double>::infinity();
  const double none = bound == Bound::kRatioAtMost ? kAny : -kAny;
  return {{{row, unit, bound, none, "native", "lent"},
           {row_by_forwarded, unit, bound, none, forwarded_row, "lent"}},
          measure};
}

}  // namespace

std::vector<Group> LentGroups() {
  return {
      GroupOf("lent_echo_64", "lent_echo_64_by_forwarded", "echo_64", "us",
              Bound::kRatioAtMost, MeasureEcho),
      GroupOf("lent_bulk_64k_blocking", "lent_bulk_64k_by_forwarded",
              "bulk_64k_blocking", "MiB/s", Bound::kRatioAtLeast, MeasureBulk),
      GroupOf("lent_udp_1400_send", "lent_udp_send_by_forwarded",
              "udp_1400_send", "1/s", Bound::kRatioAtLeast,
              [](const Options& options) {
                return MeasureDatagrams(options, true);
              }),
      GroupOf("lent_udp_1400_receive", "lent_udp_recv_by_forwarded",
              "udp_1400_receive", "1/s", Bound::kRatioAtLeast,
              [](const Options& options) {
                return MeasureDatagrams(options, false);
              }),
  };
}

}  // namespace wspd::bench
