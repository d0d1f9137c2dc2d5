#include "daemon/linux/socket_destruction.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
// After what they need and don't include.
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <cstring>

#include "absl/status/statusor.h"
#include "daemon/base/owned_fd.h"
#include "daemon/linux/sock_diag.h"
#include "daemon/socket/net_address.h"

namespace wspd {
namespace {

// Of sockets that share an address (SO_REUSEPORT) the kernel picks one by the
// peer's address: one of a few is met soon by trying peers.
constexpr int kMostPeers = 4096;

void PutAddress(const NetAddress& address, uint32_t (&out)[4], uint16_t* port) {
  if (address.family() == AF_INET) {
    out[0] = address.v4().sin_addr.s_addr;
  } else {
    memcpy(out, &address.v6().sin6_addr, sizeof(out));
  }
  *port = htons(address.port());
}

inet_diag_sockid IdOf(const SocketReport& report) {
  inet_diag_sockid id{};
  PutAddress(report.local, id.idiag_src, &id.idiag_sport);
  PutAddress(report.peer, id.idiag_dst, &id.idiag_dport);
  id.idiag_if = report.interface_index;
  id.idiag_cookie[0] = static_cast<uint32_t>(report.cookie);
  id.idiag_cookie[1] = static_cast<uint32_t>(report.cookie >> 32);
  return id;
}

// Asks once. The kernel's errno, or 0; a failure of netlink's is a status.
absl::StatusOr<int> Ask(int netlink, int family, int protocol,
                        const inet_diag_sockid& id) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 body;
  } request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DESTROY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.body.sdiag_family = static_cast<uint8_t>(family);
  request.body.sdiag_protocol = static_cast<uint8_t>(protocol);
  request.body.idiag_states = UINT32_MAX;
  request.body.id = id;
  if (send(netlink, &request, sizeof(request), 0) < 0) {
    return absl::ErrnoToStatus(errno, "send(SOCK_DESTROY)");
  }
  struct {
    nlmsghdr header;
    nlmsgerr body;
    // The request again.
    char rest[sizeof(request)];
  } answer{};
  ssize_t size;
  do {
    size = recv(netlink, &answer, sizeof(answer), 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return absl::ErrnoToStatus(errno, "recv(SOCK_DESTROY)");
  if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))) ||
      answer.header.nlmsg_type != NLMSG_ERROR) {
    return absl::InternalError("the kernel's answer to SOCK_DESTROY is none");
  }
  return -answer.body.error;
}

// ENOENT where no other peer would be met either.
absl::StatusOr<int> AskForAnyPeer(int netlink, int family, int protocol,
                                  inet_diag_sockid id) {
  const bool has_peer = id.idiag_dport != 0;
  for (int peer = 0;; ++peer) {
    if (!has_peer) id.idiag_dport = htons(static_cast<uint16_t>(peer));
    const auto error = Ask(netlink, family, protocol, id);
    // ESTALE: it is another one.
    if (!error.ok() || (*error != ENOENT && *error != ESTALE) || has_peer ||
        peer == kMostPeers) {
      return error;
    }
  }
}

absl::Status StatusOf(int error) {
  switch (error) {
    case 0:
      return absl::OkStatus();
    case EPERM:
    case EACCES:
      return absl::FailedPreconditionError(
          "the daemon has no CAP_NET_ADMIN, which the kernel wants for it; "
          "\"privileges { net_admin: true }\" keeps it, if the daemon is "
          "started with it");
    case EOPNOTSUPP:
      return absl::UnimplementedError(
          "this kernel doesn't (CONFIG_INET_DIAG_DESTROY)");
    default:
      return absl::ErrnoToStatus(error, "SOCK_DESTROY");
  }
}

absl::StatusOr<OwnedFd> OpenNetlink() {
  OwnedFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "socket(AF_NETLINK)");
  return fd;
}

// As the kernel lists it; without a cookie if it doesn't.
absl::StatusOr<SocketReport> FindListed(int family, int protocol,
                                        uint64_t cookie) {
  SocketReport found;
  const absl::Status status =
      ListSockets(family, protocol, [&](const SocketReport& report) {
        if (report.cookie == cookie) found = report;
      });
  if (!status.ok()) return status;
  return found;
}

}  // namespace

absl::Status ConnectionSparedError() {
  return absl::FailedPreconditionError(
      "it is a connection that its program was lent: the daemon has no "
      "descriptor of it, and the kernel ends it by a reset alone "
      "(ResetSocket, wspctl reset)");
}

absl::Status DestroySocket(int family, int protocol, uint64_t cookie,
                           ForcedEnd how) {
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP &&
      protocol != IPPROTO_UDPLITE) {
    return absl::UnimplementedError(
        "the kernel resets TCP, UDP and UDP-Lite sockets alone");
  }
  auto listed = FindListed(family, protocol, cookie);
  if (!listed.ok()) return listed.status();
  if (listed->cookie == 0) {
    return absl::NotFoundError(
        "it has ended, or is neither bound nor connected");
  }
  if (protocol == IPPROTO_TCP &&
      (listed->state == TCP_CLOSE || listed->state == kTcpBoundInactive)) {
    return absl::FailedPreconditionError(
        "it is neither connected nor listening: there is nothing to reset");
  }
  if (protocol == IPPROTO_TCP && how == ForcedEnd::kOrderly &&
      listed->state != TCP_LISTEN && listed->state != TCP_SYN_SENT) {
    return ConnectionSparedError();
  }
  const auto netlink = OpenNetlink();
  if (!netlink.ok()) return netlink.status();
  const auto error =
      AskForAnyPeer(netlink->get(), family, protocol, IdOf(*listed));
  if (!error.ok()) return error.status();
  if (*error != ENOENT && *error != ESTALE) return StatusOf(*error);
  listed = FindListed(family, protocol, cookie);
  if (!listed.ok()) return listed.status();
  if (listed->cookie == 0) return absl::NotFoundError("it has ended");
  return absl::FailedPreconditionError(
      "others have its address, and the kernel finds one of them instead");
}

absl::Status TryDestruction() {
  const OwnedFd own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!own.valid()) return absl::ErrnoToStatus(errno, "socket(AF_INET)");
  sockaddr_in any{};
  any.sin_family = AF_INET;
  if (bind(own.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)) != 0) {
    return absl::ErrnoToStatus(errno, "bind()");
  }
  SocketReport report;
  socklen_t size = sizeof(report.cookie);
  if (getsockopt(own.get(), SOL_SOCKET, SO_COOKIE, &report.cookie, &size) !=
      0) {
    return absl::ErrnoToStatus(errno, "getsockopt(SO_COOKIE)");
  }
  report.local = NetAddress::LocalOf(own.get());
  report.peer = NetAddress(any);
  const auto netlink = OpenNetlink();
  if (!netlink.ok()) return netlink.status();
  const auto error = Ask(netlink->get(), AF_INET, IPPROTO_UDP, IdOf(report));
  return error.ok() ? StatusOf(*error) : error.status();
}

}  // namespace wspd
