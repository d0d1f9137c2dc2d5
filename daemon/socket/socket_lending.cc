// Socket: connections that the client has a descriptor of, too. It shares the
// description: whoever uses that says MSG_DONTWAIT, since O_NONBLOCK is as the
// client wants it; nothing here accepts or connects with it.
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "daemon/socket/socket.h"

namespace wspd {
namespace {

// Neither end sends or receives any more.
bool IsClosed(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_state == TCP_CLOSE;
}

}  // namespace

OwnedFd Socket::Lend() {
  absl::MutexLock lock(&mu_);
  if (!fd_.valid()) {
    errno = EBADF;
    return OwnedFd();
  }
  OwnedFd fd(fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!fd.valid()) return fd;
  lent_ = true;
  // Not if there were urgent bytes: what is known of them isn't theirs.
  client_receives_ = urgent_ == nullptr;
  return fd;
}

void Socket::Recall() {
  absl::MutexLock lock(&mu_);
  client_receives_ = false;
}

int Socket::NoteError(int error) {
  absl::MutexLock lock(&mu_);
  if (!fd_.valid()) return error;
  Outcome outcome;
  FailLocked(error, &outcome);
  return outcome.error;
}

int Socket::EndErrorLocked() {
  // The kernel tells an error once. If it told the client, who is about to say
  // so, this isn't the orderly end that it looks like: that leaves a connection
  // half open as long as sending isn't shut down.
  if (lost_error_ == 0 && lent_ && !sending_ended_ && IsClosed(fd_.get())) {
    lost_error_ = ECONNRESET;
  }
  return lost_error_;
}

}  // namespace wspd
