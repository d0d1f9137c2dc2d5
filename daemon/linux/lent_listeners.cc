#include "daemon/linux/lent_listeners.h"

#include <netinet/in.h>

#include <iterator>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "daemon/base/log.h"

namespace wspd {
namespace {

// How closely the listener is bound to what the connection came to; negative:
// it doesn't fit.
int Fit(const SocketReport& listener, const SocketReport& connection) {
  if (listener.local.family() != connection.local.family()) return -1;
  const bool whole_address = listener.local.SameEndpoint(connection.local);
  if (!whole_address && !listener.local.is_any()) return -1;
  const bool on_interface = listener.interface_index != 0;
  if (on_interface && listener.interface_index != connection.interface_index) {
    return -1;
  }
  // The address is looked for first.
  return (whole_address ? 2 : 0) + (on_interface ? 1 : 0);
}

bool IsOlder(const LentSocket& a, const LentSocket& b) {
  return std::make_pair(a.opened_at_ns, a.cookie) <
         std::make_pair(b.opened_at_ns, b.cookie);
}

}  // namespace

LentListeners LentListeners::Find(std::vector<LentSocket> lent) {
  LentListeners listeners;
  listeners.lent_.assign(std::make_move_iterator(lent.begin()),
                         std::make_move_iterator(lent.end()));
  absl::flat_hash_map<uint64_t, const LentSocket*> by_cookie;
  std::set<int> families;
  for (const LentSocket& socket : listeners.lent_) {
    if (socket.protocol != IPPROTO_TCP) continue;
    by_cookie.emplace(socket.cookie, &socket);
    families.insert(socket.family);
  }
  for (const int family : families) {
    const absl::Status status = ListSockets(
        family, IPPROTO_TCP, ReportDetail::kState, kListenerStates,
        [&](const SocketReport& report, absl::string_view /*tcp_info*/) {
          const auto found = by_cookie.find(report.cookie);
          listeners.by_port_[report.local.port()].push_back(
              {report, found == by_cookie.end() ? nullptr : found->second});
        });
    if (status.ok()) continue;
    static LogLimit limit(1);
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kWarning, "connections of lent listeners not listed",
          {{"cause", status.message()}}, *suppressed);
    }
  }
  return listeners;
}

void LentListeners::Add(const LentSocket& lent, const SocketReport& report) {
  lent_.push_back(lent);
  by_port_[report.local.port()].push_back({report, &lent_.back()});
}

const LentSocket* LentListeners::ListenerOf(
    const SocketReport& connection) const {
  const auto found = by_port_.find(connection.local.port());
  if (found == by_port_.end()) return nullptr;
  int best = -1;
  const LentSocket* lent = nullptr;
  bool foreign = false;
  for (const Listener& listener : found->second) {
    const int fit = Fit(listener.report, connection);
    if (fit < best || fit < 0) continue;
    if (fit > best) {
      best = fit;
      lent = nullptr;
      foreign = false;
    }
    if (listener.lent == nullptr) {
      foreign = true;
    } else if (lent == nullptr || IsOlder(*listener.lent, *lent)) {
      lent = listener.lent;
    }
  }
  return foreign ? nullptr : lent;
}

}  // namespace wspd
