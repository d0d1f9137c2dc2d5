#include "tests/bench/datagram_rows.h"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tests/bench/clock.h"
#include "tests/bench/daemon.h"
#include "tests/bench/datagram_peer.h"
#include "tests/bench/kernel_transport.h"
#include "tests/bench/process.h"
#include "tests/bench/rounds.h"
#include "tests/bench/spi_transport.h"

namespace wspd::bench {
namespace {

constexpr char kSendRow[] = "udp_1400_send";
constexpr char kSend32Row[] = "udp_1400_send_32";
constexpr char kReceiveRow[] = "udp_1400_receive";
constexpr char kReceive32Row[] = "udp_1400_receive_32";
constexpr size_t kOutstanding = 32;
// A flood goes on for so much longer than is measured, so that no receive waits
// for ever; then the next may begin.
constexpr double kFloodMargin = 0.1;

using Step = std::function<void()>;

// How often a second `step` is done.
double Rate(double seconds, const Step& step) {
  constexpr int kBetweenLooks = 32;  // at the clock
  uint64_t count = 0;
  const double begin = Now();
  double now = begin;
  while (now < begin + seconds) {
    for (int i = 0; i < kBetweenLooks; ++i) step();
    count += kBetweenLooks;
    now = Now();
  }
  return static_cast<double>(count) / (now - begin);
}

// Asks for it, and waits for its first datagram.
void BeginFlood(const Options& options, Datagrams* socket) {
  const double seconds = options.datagram_seconds + kFloodMargin;
  socket->Send(reinterpret_cast<const char*>(&seconds), sizeof(seconds));
  char data[kDatagramSize];
  socket->Receive(data, sizeof(data));
}

// The processes and sockets of both groups.
class DatagramSetting {
 public:
  DatagramSetting(const Options& options, bool send)
      : options_(options), send_(send), daemon_(options.wspd, options.config) {
    PinTo(kClientCpu);
    spi_ = std::make_unique<SpiTransport>(options.provider);
    const uint16_t port = send ? peer_.sink_port() : peer_.flood_port();
    native_ = KernelTransport().OpenDatagrams(port);
    ours_ = spi_->OpenSpiDatagrams(port);
  }

  double Native() { return OneAtATime(native_.get()); }
  double Ours() { return OneAtATime(ours_.get()); }
  double Ours32() { return Outstanding(); }

 private:
  double OneAtATime(Datagrams* socket) {
    return send_ ? SendRate(options_, socket) : ReceiveRate(options_, socket);
  }

  double Outstanding() {
    std::vector<char> data(kOutstanding * kDatagramSize);
    std::vector<Operation> operations(kOutstanding);
    const auto post = [&](size_t i) {
      char* const place = data.data() + i * kDatagramSize;
      if (send_) {
        ours_->PostSend(&operations[i], place, kDatagramSize);
      } else {
        ours_->PostReceive(&operations[i], place, kDatagramSize);
      }
    };
    if (!send_) BeginFlood(options_, ours_.get());
    for (size_t i = 0; i < kOutstanding; ++i) post(i);
    size_t next = 0;
    const double rate = Rate(options_.datagram_seconds, [&] {
      ours_->Wait(&operations[next]);
      post(next);
      next = (next + 1) % kOutstanding;
    });
    for (Operation& operation : operations) ours_->Wait(&operation);
    if (!send_) Sleep(kFloodMargin);
    return rate;
  }

  const Options& options_;
  const bool send_;
  DatagramPeer peer_;
  Daemon daemon_;
  std::unique_ptr<SpiTransport> spi_;
  std::unique_ptr<Datagrams> native_;
  std::unique_ptr<SpiDatagrams> ours_;
};

// Both of ours against one native measurement a round.
RowSamples Measure(const Options& options, bool send, const char* row,
                   const char* row_32) {
  DatagramSetting setting(options, send);
  Samples outstanding;
  Samples one = MeasureInTurn(
      options, [&] { return setting.Native(); },
      [&] {
        outstanding.ours.push_back(setting.Ours32());
        return setting.Ours();
      });
  // The round that MeasureInTurn doesn't count.
  outstanding.ours.erase(outstanding.ours.begin());
  outstanding.native = one.native;
  return {{row, std::move(one)}, {row_32, std::move(outstanding)}};
}

}  // namespace

double SendRate(const Options& options, Datagrams* socket) {
  const char data[kDatagramSize] = {};
  return Rate(options.datagram_seconds,
              [&] { socket->Send(data, sizeof(data)); });
}

double ReceiveRate(const Options& options, Datagrams* socket) {
  char data[kDatagramSize];
  BeginFlood(options, socket);
  const double rate = Rate(options.datagram_seconds,
                           [&] { socket->Receive(data, sizeof(data)); });
  Sleep(kFloodMargin);
  return rate;
}

Group DatagramSendGroup() {
  return {{{kSendRow, "1/s", Bound::kRatioAtLeast, 0.07, "native"},
           {kSend32Row, "1/s", Bound::kRatioAtLeast, 0.25, "native"}},
          [](const Options& options) {
            return Measure(options, true, kSendRow, kSend32Row);
          }};
}

Group DatagramReceiveGroup() {
  return {{{kReceiveRow, "1/s", Bound::kRatioAtLeast, 0.07, "native"},
           {kReceive32Row, "1/s", Bound::kRatioAtLeast, 0.25, "native"}},
          [](const Options& options) {
            return Measure(options, false, kReceiveRow, kReceive32Row);
          }};
}

}  // namespace wspd::bench
