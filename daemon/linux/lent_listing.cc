#include "daemon/linux/lent_listing.h"

#include <netinet/tcp.h>

#include <set>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "daemon/base/log.h"
#include "daemon/linux/lent_listeners.h"
#include "daemon/linux/sock_diag.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/tcp_info_codec.h"

namespace wspd {
namespace {

// What the kernel says of a socket.
struct Listed {
  SocketReport report;
  // Empty: it isn't wanted, or there is none.
  std::string tcp_info;
};

// By cookie.
using ListedSockets = absl::flat_hash_map<uint64_t, Listed>;

wsp::v1::SocketState StateOf(const SocketReport& report) {
  switch (report.state) {
    case TCP_ESTABLISHED:
      return wsp::v1::SOCKET_STATE_CONNECTED;
    case TCP_SYN_SENT:
    case TCP_SYN_RECV:
      return wsp::v1::SOCKET_STATE_CONNECTING;
    case TCP_LISTEN:
      return wsp::v1::SOCKET_STATE_LISTENING;
    case TCP_CLOSE:
    case kTcpBoundInactive:
      return report.local.port() != 0 ? wsp::v1::SOCKET_STATE_BOUND
                                      : wsp::v1::SOCKET_STATE_OPEN;
    default:
      return report.open ? wsp::v1::SOCKET_STATE_CLOSING
                         : wsp::v1::SOCKET_STATE_LINGERING;
  }
}

// Whether a program has, or had, this connection: not one that is being made,
// or waits to be accepted.
bool IsTaken(const SocketReport& report) {
  switch (report.state) {
    case TCP_ESTABLISHED:
    case TCP_CLOSE_WAIT:
      return report.open;
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
      return true;
    default:
      return false;
  }
}

// When bytes last went either way, Unix time, nanoseconds; 0: of no connection.
int64_t ActiveAt(const SocketReport& report, int64_t now_ns) {
  constexpr int64_t kNsPerMs = 1'000'000;
  switch (report.state) {
    case TCP_SYN_SENT:
    case TCP_SYN_RECV:
    case TCP_LISTEN:
    case TCP_CLOSE:
    case kTcpBoundInactive:
      return 0;
    default:
      return report.has_bytes ? now_ns - report.idle_ms * kNsPerMs : 0;
  }
}

// What there is of the sockets; of the others TCP's go to `others`.
ListedSockets Ask(const std::vector<LentSocket>& sockets, bool with_tcp,
                  const DetailSink& others) {
  ListedSockets listed;
  std::set<std::pair<int, int>> kinds;
  for (const LentSocket& socket : sockets) {
    listed.try_emplace(socket.cookie);
    kinds.emplace(socket.family, socket.protocol);
  }
  for (const auto& [family, protocol] : kinds) {
    const absl::Status status =
        ListSockets(family, protocol, ReportDetail::kCounts, kAllStates,
                    [&, protocol = protocol](const SocketReport& report,
                                             absl::string_view tcp_info) {
                      auto found = listed.find(report.cookie);
                      if (found != listed.end()) {
                        found->second.report = report;
                        if (with_tcp)
                          found->second.tcp_info = std::string(tcp_info);
                      } else if (protocol == IPPROTO_TCP) {
                        others(report, tcp_info);
                      }
                    });
    if (status.ok()) continue;
    static LogLimit limit(1);
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kWarning, "lent sockets listed without their state",
          {{"cause", status.message()}}, *suppressed);
    }
  }
  return listed;
}

absl::flat_hash_set<uint64_t> CookiesOf(
    const std::vector<wsp::v1::Socket>& sockets) {
  absl::flat_hash_set<uint64_t> cookies;
  for (const wsp::v1::Socket& socket : sockets) {
    if (socket.cookie() != 0) cookies.insert(socket.cookie());
  }
  return cookies;
}

// What a socket and the connections that it has accepted have alike.
void Describe(const LentSocket& socket, const SocketReport& report,
              absl::string_view tcp_info, int64_t now_ns,
              wsp::v1::Socket* out) {
  out->set_client_id(socket.owner->client_id.load(std::memory_order_relaxed));
  out->set_pid(socket.owner->pid);
  out->set_uid(socket.owner->uid);
  out->set_protocol(socket.protocol);
  out->set_plane(wsp::v1::PLANE_LENT);
  out->set_operations_unknown(true);
  if (!tcp_info.empty()) DescribeTcp(tcp_info.data(), tcp_info.size(), out);
  out->set_active_at_ns(ActiveAt(report, now_ns));
  out->set_bytes_unknown(!report.has_bytes);
  out->set_bytes_sent(report.bytes_sent);
  out->set_bytes_received(report.bytes_received);
  // Not among those that the kernel lists: neither bound nor connected.
  out->set_state(wsp::v1::SOCKET_STATE_OPEN);
  if (report.cookie == 0) return;
  out->set_state(StateOf(report));
  if (report.local.port() != 0) {
    EncodeAddress(report.local, out->mutable_local());
  }
  if (report.peer.port() != 0) EncodeAddress(report.peer, out->mutable_peer());
}

}  // namespace

void DescribeLentSockets(const LentSockets& table,
                         const InventoryFilter& filter,
                         std::vector<wsp::v1::Socket>* out) {
  const auto is_visible = [&filter](const LentSocket& socket) {
    const SocketOwner& owner = *socket.owner;
    return filter.Matches(owner.pid, owner.uid,
                          owner.client_id.load(std::memory_order_relaxed));
  };
  const std::vector<LentSocket> all = table.List();
  std::vector<LentSocket> visible;
  for (const LentSocket& socket : all) {
    if (is_visible(socket)) visible.push_back(socket);
  }
  if (visible.empty()) return;
  // A Winsock client's connection may be where a listener is.
  const absl::flat_hash_set<uint64_t> told = CookiesOf(*out);
  const int64_t now_ns = absl::GetCurrentTimeNanos();
  const LentListeners listeners = LentListeners::Find(all);
  const auto describe_accepted = [&](const SocketReport& report,
                                     absl::string_view tcp_info) {
    if (!IsTaken(report) || told.contains(report.cookie)) return;
    const LentSocket* const listener = listeners.ListenerOf(report);
    if (listener == nullptr || !is_visible(*listener)) return;
    wsp::v1::Socket& socket = out->emplace_back();
    if (!filter.with_tcp) tcp_info = {};
    Describe(*listener, report, tcp_info, now_ns, &socket);
    socket.set_cookie(report.cookie);
    socket.set_listener_cookie(listener->cookie);
  };
  const ListedSockets listed = Ask(visible, filter.with_tcp, describe_accepted);
  for (const LentSocket& socket : visible) {
    wsp::v1::Socket& entry = out->emplace_back();
    const Listed& found = listed.at(socket.cookie);
    Describe(socket, found.report, found.tcp_info, now_ns, &entry);
    entry.set_socket_id(socket.socket_id);
    entry.set_opened_at_ns(socket.opened_at_ns);
    entry.set_cookie(socket.cookie);
  }
}

}  // namespace wspd
