#include "daemon/admin/rate_meter.h"

#include <algorithm>

namespace wspd {
namespace {

// In samples, which are a second each.
constexpr std::array<size_t, 3> kWindows = {1, 10, 60};

}  // namespace

void RateMeter::Add(absl::Duration now,
                    const wsp::v1::GetServerInfoResponse& totals) {
  Sample sample;
  sample.at = now;
  sample.calls = totals.calls_total();
  sample.bytes_sent = totals.bytes_sent_total();
  sample.bytes_received = totals.bytes_received_total();
  sample.clients = totals.clients_attached_total();
  sample.connections = totals.connections_total();
  absl::MutexLock lock(&mu_);
  samples_[count_ % samples_.size()] = sample;
  ++count_;
}

void RateMeter::Fill(wsp::v1::GetServerInfoResponse* info) const {
  absl::MutexLock lock(&mu_);
  for (const size_t window : kWindows) {
    const size_t back = std::min({window, count_ - 1, kMostSeconds});
    if (count_ < 2 || At(0).at <= At(back).at) return;
    const Sample& now = At(0);
    const Sample& then = At(back);
    const double seconds = absl::ToDoubleSeconds(now.at - then.at);
    // The kernel's counts of a socket may come late, and a sum be less for a
    // moment.
    const auto rate = [seconds](uint64_t after, uint64_t before) {
      return after > before ? static_cast<double>(after - before) / seconds : 0;
    };
    wsp::v1::Rates* const rates = info->add_rates();
    rates->set_seconds(seconds);
    rates->set_calls(rate(now.calls, then.calls));
    rates->set_bytes_sent(rate(now.bytes_sent, then.bytes_sent));
    rates->set_bytes_received(rate(now.bytes_received, then.bytes_received));
    rates->set_clients(rate(now.clients, then.clients));
    rates->set_connections(rate(now.connections, then.connections));
  }
}

}  // namespace wspd
