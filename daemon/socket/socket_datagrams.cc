// Socket: datagrams, and the ICMP errors that they draw.
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
// After what it needs and doesn't include.
#include <linux/errqueue.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "daemon/socket/socket.h"

namespace wspd {
namespace {

// Ancillary data that any combination of options can bring.
constexpr size_t kMostControlBytes = 512;
// ICMP errors that are kept to be told of; more are forgotten.
constexpr uint32_t kMostUnreachable = 64;

// Errors that an ICMP message can have left for the next call on a socket.
bool MayComeByIcmp(int error) {
  switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENONET:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EACCES:
    case EMSGSIZE:
      return true;
    default:
      return false;
  }
}

// The error that recvmsg() took off the error queue, as an errno; 0 if it came
// by no ICMP message, which then the failed call itself has told of.
int QueuedIcmpError(msghdr* message) {
  for (cmsghdr* item = CMSG_FIRSTHDR(message); item != nullptr;
       item = CMSG_NXTHDR(message, item)) {
    const bool about_error =
        (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR) ||
        (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_RECVERR);
    if (!about_error) continue;
    sock_extended_err error;
    memcpy(&error, CMSG_DATA(item), sizeof(error));
    const bool by_icmp = error.ee_origin == SO_EE_ORIGIN_ICMP ||
                         error.ee_origin == SO_EE_ORIGIN_ICMP6;
    return by_icmp ? static_cast<int>(error.ee_errno) : 0;
  }
  return 0;
}

// Whether a datagram was sent to a broadcast address: neither to a group nor to
// the address of this machine's own that it came to.
bool IsBroadcast(msghdr* message) {
  for (cmsghdr* item = CMSG_FIRSTHDR(message); item != nullptr;
       item = CMSG_NXTHDR(message, item)) {
    if (item->cmsg_level != IPPROTO_IP || item->cmsg_type != IP_PKTINFO) {
      continue;
    }
    in_pktinfo info;
    memcpy(&info, CMSG_DATA(item), sizeof(info));
    if (info.ipi_addr.s_addr == INADDR_BROADCAST) return true;
    return info.ipi_spec_dst.s_addr != INADDR_ANY &&
           info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr &&
           !IN_MULTICAST(ntohl(info.ipi_addr.s_addr));
  }
  return false;
}

// As many as the receive buffer could have room for.
int MostDatagrams(int fd) {
  // The least that the kernel reckons one to take, even if it is empty.
  constexpr int kLeastBytes = 128;
  int buffer = 0;
  socklen_t size = sizeof(buffer);
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, &size);
  return buffer / kLeastBytes + 1;
}

// Empties the error queue; how many ICMP errors there were.
struct IcmpErrors {
  uint32_t refused = 0;
  uint32_t all = 0;
};
IcmpErrors DrainErrorQueue(int fd) {
  IcmpErrors errors;
  for (;;) {
    char byte;
    iovec piece{&byte, 1};
    alignas(cmsghdr) char control[kMostControlBytes];
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      return errors;
    }
    const int error = QueuedIcmpError(&message);
    if (error != 0) ++errors.all;
    if (error == ECONNREFUSED) ++errors.refused;
  }
}

}  // namespace

bool Socket::TakeIcmpErrorLocked(int error) {
  return MayComeByIcmp(error) && TakeIcmpErrorsLocked();
}

bool Socket::TakeIcmpErrorsLocked() {
  const IcmpErrors errors = DrainErrorQueue(fd_.get());
  if (errors.all == 0) return false;
  if (!reports_unreachable_ || errors.refused == 0) return true;
  unreachable_ = std::min(unreachable_ + errors.refused, kMostUnreachable);
  if (in_.empty() && observers_.empty()) return true;
  // The kernel, whose queue is empty now, may not tell of it any more.
  loop_->Post([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->OnEvents(0);
  });
  return true;
}

void Socket::TakeIcmpErrors() {
  absl::MutexLock lock(&mu_);
  if (fd_.valid()) TakeIcmpErrorsLocked();
}

void Socket::TakeUntoldErrorsLocked() {
  if (lent_) TakeIcmpErrorsLocked();
}

bool Socket::TrySendDatagramLocked(Operation* operation, Outcome* outcome) {
  msghdr message{};
  message.msg_iov = operation->pieces.data();
  message.msg_iovlen = operation->pieces.size();
  if (!operation->address.empty()) {
    message.msg_name = const_cast<sockaddr*>(operation->address.get());
    message.msg_namelen = operation->address.size();
  }
  if (operation->control != nullptr) {
    message.msg_control = &(*operation->control)[0];
    message.msg_controllen = operation->control->size();
  }
  for (;;) {
    const ssize_t sent = sendmsg(
        fd_.get(), &message, operation->flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      operation->sent = static_cast<size_t>(sent);
      operation->left = 0;
      return true;
    }
    const int error = errno;
    if (error == EINTR || TakeIcmpErrorLocked(error)) continue;
    if (error == EAGAIN) {
      TakeUntoldErrorsLocked();
      return false;
    }
    outcome->error = error;
    return true;
  }
}

bool Socket::TryReceiveDatagramLocked(Operation* operation, Outcome* outcome) {
  if (!MayReceiveLocked(*operation)) return false;
  std::shared_ptr<Bytes> data =
      Bytes::Allocate(std::max<size_t>(operation->max_bytes, 1));
  for (;;) {
    if (unreachable_ > 0) {
      --unreachable_;
      outcome->error = ECONNREFUSED;
      return true;
    }
    iovec piece{data->data(), operation->max_bytes};
    alignas(cmsghdr) char control[kMostControlBytes];
    msghdr message{};
    message.msg_name = outcome->peer.Buffer();
    message.msg_namelen = NetAddress::kMostBytes;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (operation->want_control || drops_broadcasts_) {
      message.msg_control = control;
      message.msg_controllen = sizeof(control);
    }
    const ssize_t received =
        recvmsg(fd_.get(), &message, operation->flags | MSG_DONTWAIT);
    if (received < 0) {
      const int error = errno;
      if (error == EINTR || TakeIcmpErrorLocked(error)) continue;
      if (error == EAGAIN) {
        TakeUntoldErrorsLocked();
        if (unreachable_ > 0) continue;
        return false;
      }
      outcome->error = error;
      return true;
    }
    if (IsUnwantedLocked(outcome->peer, &message)) {
      // A peek left it where it was.
      if ((operation->flags & MSG_PEEK) != 0)
        recv(fd_.get(), nullptr, 0, MSG_DONTWAIT);
      continue;
    }
    outcome->message_flags = message.msg_flags;
    if (operation->want_control) {
      outcome->control.assign(control, message.msg_controllen);
    }
    if (received > 0) {
      data->SetSize(static_cast<size_t>(received));
      outcome->data = std::move(data);
    }
    if ((operation->flags & MSG_PEEK) == 0) {
      received_ += static_cast<uint64_t>(received);
    }
    return true;
  }
}

bool Socket::IsUnwantedLocked(const NetAddress& from, msghdr* message) const {
  return (!source_.empty() && !from.SameEndpoint(source_)) ||
         (drops_broadcasts_ && IsBroadcast(message));
}

bool Socket::DropUnwanted() {
  absl::MutexLock lock(&mu_);
  if (source_.empty() && !drops_broadcasts_) return true;
  while (fd_.valid()) {
    NetAddress from;
    alignas(cmsghdr) char control[kMostControlBytes];
    msghdr message{};
    message.msg_name = from.Buffer();
    message.msg_namelen = NetAddress::kMostBytes;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    if (recvmsg(fd_.get(), &message, MSG_PEEK | MSG_DONTWAIT) < 0) {
      const int error = errno;
      if (error == EINTR || TakeIcmpErrorLocked(error)) continue;
      // Any other error is what a receive would end with.
      return error != EAGAIN;
    }
    if (!IsUnwantedLocked(from, &message)) return true;
    recv(fd_.get(), nullptr, 0, MSG_DONTWAIT);
  }
  return false;
}

void Socket::SetReceivesBroadcasts(bool on) {
  absl::MutexLock lock(&mu_);
  if (drops_broadcasts_ == !on) return;
  drops_broadcasts_ = !on;
  // Stays on: others may look at it, too.
  const int wanted = 1;
  setsockopt(fd_.get(), IPPROTO_IP, IP_PKTINFO, &wanted, sizeof(wanted));
}

// By peeks, each further on than the one before, that take nothing but the
// length. There are never more datagrams than the receive buffer has room for;
// a client that has the socket, too, might have the peeks go on for ever.
int Socket::CountDatagrams(uint64_t* bytes) {
  *bytes = 0;
  absl::MutexLock lock(&mu_);
  const int most = MostDatagrams(fd_.get());
  int offset = 0;
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) !=
      0) {
    return errno;
  }
  int error = 0;
  for (int i = 0; i < most; ++i) {
    NetAddress from;
    socklen_t size = NetAddress::kMostBytes;
    const ssize_t length =
        recvfrom(fd_.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT,
                 from.Buffer(), &size);
    if (length >= 0) {
      if (source_.empty() || from.SameEndpoint(source_)) {
        *bytes += static_cast<uint64_t>(length);
      }
      continue;
    }
    error = errno;
    if (error != EINTR && !TakeIcmpErrorLocked(error)) break;
  }
  offset = -1;
  setsockopt(fd_.get(), SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset));
  return error == EAGAIN || error == EINTR ? 0 : error;
}

void Socket::SetReportsUnreachable(bool on) {
  absl::MutexLock lock(&mu_);
  reports_unreachable_ = on;
  if (!on) unreachable_ = 0;
}

void Socket::SetSource(const NetAddress& source) {
  absl::MutexLock lock(&mu_);
  source_ = source;
}

}  // namespace wspd
