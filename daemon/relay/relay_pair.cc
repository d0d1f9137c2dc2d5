#include "daemon/relay/relay_pair.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace wspd {
namespace {

using wsp::relay::Kind;

// What a program that doesn't read may leave with the kernel, and the daemon
// with a program.
constexpr int kBufferBytes = 1 << 20;
constexpr int kDatagramBufferBytes = 256 << 10;
// The kernel makes the least of it, 4,608 bytes.
constexpr int kLeastBufferBytes = 1;

// Of kernels newer than the headers.
constexpr int kSoPassRights = 83;

struct DiagRequest {
  nlmsghdr header;
  unix_diag_req request;
};

// The inode of the socket at the other end, in an answer of the kernel's: 0 if
// that has no descriptor any more. False: it doesn't say.
bool FindPeerInode(const char* data, size_t size, uint32_t* inode) {
  nlmsghdr header;
  if (size < NLMSG_LENGTH(sizeof(unix_diag_msg))) return false;
  memcpy(&header, data, sizeof(header));
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return false;
  size = std::min<size_t>(size, header.nlmsg_len);
  size_t at = NLMSG_LENGTH(sizeof(unix_diag_msg));
  while (at + sizeof(rtattr) <= size) {
    rtattr attribute;
    memcpy(&attribute, data + at, sizeof(attribute));
    if (attribute.rta_len < sizeof(attribute)) return false;
    if (attribute.rta_type == UNIX_DIAG_PEER &&
        at + RTA_LENGTH(sizeof(*inode)) <= size) {
      memcpy(inode, data + at + RTA_LENGTH(0), sizeof(*inode));
      return true;
    }
    at += RTA_ALIGN(attribute.rta_len);
  }
  return false;
}

}  // namespace

bool IsHungUp(int link) {
  pollfd wait{link, 0, 0};
  return poll(&wait, 1, 0) == 1 && (wait.revents & POLLHUP) != 0;
}

bool HasError(int link) {
  pollfd wait{link, 0, 0};
  return poll(&wait, 1, 0) == 1 && (wait.revents & POLLERR) != 0;
}

ProgramEnd FindProgramEnd(int link) {
  struct stat status;
  if (fstat(link, &status) != 0) return ProgramEnd::kUnknown;
  const OwnedFd netlink(
      socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  DiagRequest request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.request.sdiag_family = AF_UNIX;
  request.request.udiag_states = ~uint32_t{0};
  request.request.udiag_ino = static_cast<uint32_t>(status.st_ino);
  request.request.udiag_show = UDIAG_SHOW_PEER;
  // No cookie: inodes of sockets that live are unique.
  memset(request.request.udiag_cookie, 0xff,
         sizeof(request.request.udiag_cookie));
  // The answer is made before send() returns.
  if (send(netlink.get(), &request, sizeof(request), 0) < 0) {
    return ProgramEnd::kUnknown;
  }
  char answer[1024];
  const ssize_t size =
      recv(netlink.get(), answer, sizeof(answer), MSG_DONTWAIT);
  uint32_t inode = 0;
  if (size < 0 || !FindPeerInode(answer, static_cast<size_t>(size), &inode)) {
    return ProgramEnd::kUnknown;
  }
  return inode == 0 ? ProgramEnd::kClosed : ProgramEnd::kOpen;
}

uint64_t CookieOf(int fd) {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return 0;
  return cookie;
}

void SetSendBuffer(int fd, int bytes) {
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0) {
    // Cut to the system's limit, which is an answer too.
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  }
}

int MakeRelayPair(const wsp::relay::Name& name, bool nonblocking, bool large,
                  RelayPair* pair) {
  const int type = name.kind == Kind::kDatagram ? SOCK_SEQPACKET : SOCK_STREAM;
  int ends[2];
  const int flags = SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
  if (socketpair(AF_UNIX, type | flags, 0, ends) != 0) return errno;
  pair->program.Reset(ends[0]);
  pair->daemon.Reset(ends[1]);
  const sockaddr_un address = wsp::relay::FormatName(name);
  if (bind(ends[1], reinterpret_cast<const sockaddr*>(&address),
           wsp::relay::kNameAddressBytes) != 0) {
    return errno;
  }
  if (name.kind == Kind::kStream) {
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &kLeastBufferBytes,
               sizeof(kLeastBufferBytes));
  } else if (large) {
    SetSendBuffer(ends[0], kBufferBytes);
  } else if (name.kind == Kind::kDatagram) {
    // Of the longest there is to be room for one, and another.
    SetSendBuffer(ends[0], kDatagramBufferBytes);
  }
  if (large) SetSendBuffer(ends[1], kBufferBytes);
  // From Linux 6.16 on the kernel refuses descriptors that a program sends
  // along; nobody wants them.
  const int none = 0;
  setsockopt(ends[1], SOL_SOCKET, kSoPassRights, &none, sizeof(none));
  pair->cookie = CookieOf(ends[0]);
  return pair->cookie == 0 ? ENOTSUP : 0;
}

}  // namespace wspd
