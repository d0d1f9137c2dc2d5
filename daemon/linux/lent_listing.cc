#include "daemon/linux/lent_listing.h"

#include <netinet/tcp.h>

#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "daemon/base/log.h"
#include "daemon/linux/sock_diag.h"
#include "daemon/winsock/address_codec.h"

namespace wspd {
namespace {

using Reports = absl::flat_hash_map<uint64_t, SocketReport>;

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

// What the kernel says of the sockets, by cookie.
Reports Ask(const std::vector<LentSocket>& sockets) {
  Reports reports;
  std::set<std::pair<int, int>> kinds;
  for (const LentSocket& socket : sockets) {
    reports.try_emplace(socket.cookie);
    kinds.emplace(socket.family, socket.protocol);
  }
  for (const auto& [family, protocol] : kinds) {
    const absl::Status status =
        ListSockets(family, protocol, [&](const SocketReport& report) {
          auto found = reports.find(report.cookie);
          if (found != reports.end()) found->second = report;
        });
    if (status.ok()) continue;
    static LogLimit limit(1);
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kWarning, "lent sockets listed without their state",
          {{"cause", status.message()}}, *suppressed);
    }
  }
  return reports;
}

void Describe(const LentSocket& socket, const SocketReport& report,
              wsp::v1::Socket* out) {
  out->set_client_id(socket.owner->client_id.load(std::memory_order_relaxed));
  out->set_pid(socket.owner->pid);
  out->set_uid(socket.owner->uid);
  out->set_socket_id(socket.socket_id);
  out->set_protocol(socket.protocol);
  out->set_opened_at_ns(socket.opened_at_ns);
  out->set_plane(wsp::v1::PLANE_LENT);
  out->set_cookie(socket.cookie);
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
  std::vector<LentSocket> visible;
  for (LentSocket& socket : table.List()) {
    const SocketOwner& owner = *socket.owner;
    if (filter.Matches(owner.pid, owner.uid,
                       owner.client_id.load(std::memory_order_relaxed))) {
      visible.push_back(std::move(socket));
    }
  }
  if (visible.empty()) return;
  const Reports reports = Ask(visible);
  for (const LentSocket& socket : visible) {
    Describe(socket, reports.at(socket.cookie), &out->emplace_back());
  }
}

}  // namespace wspd
