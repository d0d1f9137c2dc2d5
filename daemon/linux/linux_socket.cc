#include "daemon/linux/linux_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/time/clock.h"
#include "daemon/linux/socket_mark.h"
#include "daemon/linux/socket_user.h"

namespace wspd {
namespace {

using Request = wsp::v1::LinuxSocketRequest;

// That of the kernel, 0 for none.
int FamilyOf(const Request& request) {
  switch (request.family()) {
    case Request::FAMILY_IPV4:
      return AF_INET;
    case Request::FAMILY_IPV6:
      return AF_INET6;
    default:
      return AF_UNSPEC;
  }
}

int TypeOf(const Request& request) {
  switch (request.type()) {
    case Request::TYPE_STREAM:
      return SOCK_STREAM;
    case Request::TYPE_DATAGRAM:
      return SOCK_DGRAM;
    default:
      return 0;
  }
}

// Of others the kernel might load what no client is to load.
bool IsOffered(uint32_t protocol) {
  switch (protocol) {
    case IPPROTO_IP:
    case IPPROTO_ICMP:
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_ICMPV6:
    case IPPROTO_UDPLITE:
    case IPPROTO_MPTCP:
      return true;
    default:
      return false;
  }
}

// The protocol that 0 stands for, too.
int ProtocolOf(int type, uint32_t protocol) {
  if (protocol != 0) return static_cast<int>(protocol);
  return type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
}

}  // namespace

int OpenLinuxSocket(const Request& request, bool nonblocking, uid_t uid,
                    OwnedFd* fd, LinuxSocketKind* kind) {
  if (request.type() == Request::TYPE_RAW) return EPERM;
  const int family = FamilyOf(request);
  const int type = TypeOf(request);
  if (family == AF_UNSPEC) return EAFNOSUPPORT;
  if (type == 0) return ESOCKTNOSUPPORT;
  if (!IsOffered(request.protocol())) return EPROTONOSUPPORT;
  const int flags = SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
  fd->Reset(socket(family, type | flags, static_cast<int>(request.protocol())));
  if (!fd->valid()) return errno;
  (void)GiveToUser(fd->get(), uid);
  *kind = {family, type, ProtocolOf(type, request.protocol())};
  return 0;
}

int MakeLinuxSocket(const Request& request, std::shared_ptr<SocketOwner> owner,
                    OwnedFd* fd, LentSocket* entry) {
  LinuxSocketKind kind;
  const int error =
      OpenLinuxSocket(request, request.nonblocking(), owner->uid, fd, &kind);
  if (error != 0) return error;
  if (!GiveToUser(fd->get(), owner->uid)) return EPERM;
  socklen_t size = sizeof(entry->cookie);
  if (getsockopt(fd->get(), SOL_SOCKET, SO_COOKIE, &entry->cookie, &size) !=
      0) {
    return errno;
  }
  const auto inode = MarkSocket(fd->get());
  if (!inode.ok()) return ENFILE;
  entry->inode = *inode;
  entry->family = kind.family;
  entry->type = kind.type;
  entry->protocol = kind.protocol;
  entry->opened_at_ns = absl::GetCurrentTimeNanos();
  entry->owner = std::move(owner);
  return 0;
}

}  // namespace wspd
