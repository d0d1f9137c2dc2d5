#include "daemon/relay/relayed_listing.h"

#include <memory>

#include "absl/time/clock.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/tcp_info_codec.h"

namespace wspd {
namespace {

using State = wsp::v1::LinuxStateResult;

wsp::v1::SocketState StateOf(const RelayedSocketReport& report) {
  if (report.closed) return wsp::v1::SOCKET_STATE_LINGERING;
  switch (report.state) {
    case State::STATE_CONNECTING:
      return wsp::v1::SOCKET_STATE_CONNECTING;
    case State::STATE_CONNECTED:
      return wsp::v1::SOCKET_STATE_CONNECTED;
    case State::STATE_LISTENING:
      return wsp::v1::SOCKET_STATE_LISTENING;
    case State::STATE_ENDED:
      return wsp::v1::SOCKET_STATE_CLOSING;
    default:
      return report.local.port() != 0 ? wsp::v1::SOCKET_STATE_BOUND
                                      : wsp::v1::SOCKET_STATE_OPEN;
  }
}

void Describe(const RelayedSocket& socket, int64_t now_ns, bool with_tcp,
              wsp::v1::Socket* out) {
  const RelayedSocketInfo& info = socket.info();
  const RelayedSocketReport report = socket.Report();
  out->set_client_id(info.owner->client_id.load(std::memory_order_relaxed));
  out->set_pid(info.owner->pid);
  out->set_uid(info.owner->uid);
  out->set_socket_id(info.number);
  out->set_protocol(info.kind.protocol);
  out->set_opened_at_ns(info.opened_at_ns);
  out->set_plane(wsp::v1::PLANE_RELAYED);
  out->set_cookie(info.cookie);
  out->set_state(StateOf(report));
  out->set_bytes_sent(report.bytes_sent);
  out->set_bytes_received(report.bytes_received);
  out->set_datagrams_dropped(socket.dropped());
  if (with_tcp) {
    socket.LookAtReal([out](int real) { DescribeTcpOf(real, out); });
  }
  out->set_active_at_ns(now_ns - report.idle_ns);
  out->set_last_errno(report.last_errno);
  const RelayedSocket::Operations operations = socket.operations();
  out->set_sends(operations.sends);
  out->set_receives(operations.receives);
  // No other call of the program's waits in the daemon.
  if (report.state == State::STATE_CONNECTING) out->set_pending_calls(1);
  if (report.local.port() != 0) {
    EncodeAddress(report.local, out->mutable_local());
  }
  if (report.peer.port() != 0) EncodeAddress(report.peer, out->mutable_peer());
}

}  // namespace

void DescribeRelayedSockets(const RelayedSockets& table,
                            const InventoryFilter& filter,
                            std::vector<wsp::v1::Socket>* out) {
  const int64_t now_ns = absl::GetCurrentTimeNanos();
  for (const std::shared_ptr<RelayedSocket>& socket : table.List()) {
    const SocketOwner& owner = *socket->info().owner;
    if (filter.Matches(owner.pid, owner.uid,
                       owner.client_id.load(std::memory_order_relaxed))) {
      Describe(*socket, now_ns, filter.with_tcp, &out->emplace_back());
    }
  }
}

}  // namespace wspd
