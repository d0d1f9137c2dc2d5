#include "tests/bench/echo_rows.h"

#include <memory>
#include <utility>
#include <vector>

#include "tests/bench/clock.h"
#include "tests/bench/daemon.h"
#include "tests/bench/die.h"
#include "tests/bench/echo.h"
#include "tests/bench/kernel_transport.h"
#include "tests/bench/peer.h"
#include "tests/bench/process.h"
#include "tests/bench/rounds.h"
#include "tests/bench/send_pump.h"
#include "tests/bench/spi_transport.h"

namespace wspd::bench {
namespace {

constexpr char kEchoRow[] = "echo_64";
constexpr char kReceivePendingRow[] = "echo_64_receive_pending";
constexpr char kSendsOutstandingRow[] = "echo_64_sends_outstanding";
constexpr int kOutstandingSends = 8;
constexpr double kSettleTime = 0.1;

// The processes and the connections of every echo row.
class EchoSetting {
 public:
  explicit EchoSetting(const Options& options)
      : options_(options), daemon_(options.wspd, options.config) {
    PinTo(kClientCpu);
    spi_ = std::make_unique<SpiTransport>(options.provider);
    native_stream_ = KernelTransport().Connect(peer_.port(kEcho));
    our_stream_ = spi_->ConnectSpi(peer_.port(kEcho));
  }

  double Native() {
    return EchoMicroseconds(native_stream_.get(), options_.echo_round_trips);
  }
  double Ours() {
    return EchoMicroseconds(our_stream_.get(), options_.echo_round_trips);
  }

  const Peer& peer() const { return peer_; }
  SpiTransport& spi() { return *spi_; }

  // Compares our echo under a load with our plain one.
  template <typename LoadedEcho>
  Samples MeasureLoaded(LoadedEcho loaded_echo) {
    std::vector<double> native;
    Samples samples = MeasureInTurn(
        options_,
        [&] {
          native.push_back(Native());
          return Ours();
        },
        loaded_echo);
    samples.base.swap(samples.native);
    if (!native.empty())
      samples.native.assign(native.begin() + 1, native.end());
    return samples;
  }

 private:
  const Options& options_;
  Peer peer_;
  Daemon daemon_;
  std::unique_ptr<SpiTransport> spi_;
  std::unique_ptr<Stream> native_stream_;
  std::unique_ptr<SpiStream> our_stream_;
};

RowSamples MeasureEcho(const Options& options) {
  EchoSetting setting(options);
  return {{kEchoRow, MeasureInTurn(
                         options, [&] { return setting.Native(); },
                         [&] { return setting.Ours(); })}};
}

RowSamples MeasureWithReceivePending(const Options& options) {
  EchoSetting setting(options);
  const auto other = setting.spi().ConnectSpi(setting.peer().port(kEcho));
  Operation receive;
  char message[kEchoSize] = {};
  Samples samples = setting.MeasureLoaded([&] {
    other->PostReceive(&receive, message, sizeof(message));
    const double value = setting.Ours();
    if (receive.completed()) Die("the pending receive completed by itself");
    other->Send(message, sizeof(message));
    other->Wait(&receive);
    return value;
  });
  return {{kReceivePendingRow, std::move(samples)}};
}

RowSamples MeasureWithSendsOutstanding(const Options& options) {
  EchoSetting setting(options);
  const auto other = setting.spi().ConnectSpi(setting.peer().port(kSlowSink));
  Samples samples = setting.MeasureLoaded([&] {
    double value;
    {
      SendPump pump(other.get(), kOutstandingSends, kBulkSize);
      Sleep(kSettleTime);  // fills the kernel's buffers
      value = setting.Ours();
      if (pump.completed_sends() == 0) Die("the slow peer read nothing");
    }
    Sleep(kSettleTime);  // lets the peer drain them
    return value;
  });
  return {{kSendsOutstandingRow, std::move(samples)}};
}

}  // namespace

Group EchoGroup() {
  return {{{kEchoRow, "us", Bound::kRatioAtMost, 2.2, "native"}}, MeasureEcho};
}

Group EchoWithReceivePendingGroup() {
  return {{{kReceivePendingRow, "us", Bound::kRatioAtMost, 1.3, kEchoRow}},
          MeasureWithReceivePending};
}

Group EchoWithSendsOutstandingGroup() {
  return {{{kSendsOutstandingRow, "us", Bound::kRatioAtMost, 6, kEchoRow}},
          MeasureWithSendsOutstanding};
}

}  // namespace wspd::bench
