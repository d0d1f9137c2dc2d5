// StreamSocket: connections that the client has a descriptor of, too, and sends
// and receives with by itself (proto/README.md, "Lent connections").
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/tcp.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/linux/socket_user.h"
#include "daemon/socket/reset.h"
#include "daemon/winsock/stream_socket.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

// The kernel's number of the state, which linux/tcp.h doesn't have.
constexpr uint8_t kTcpClose = 7;

}  // namespace

int StreamSocket::Lend(uid_t uid, OwnedFd* fd) {
  absl::MutexLock lock(&mu_);
  if (state_ != State::kConnected || lost_ != 0) return ENOTCONN;
  if (descriptors_ != 1) return EPERM;
  *fd = engine()->Lend();
  if (!fd->valid()) return errno;
  // Who connects it to nowhere may bind it anew, and as the daemon's it would
  // share what others have there. Those who bind where it is do so by
  // SO_REUSEADDR, of which nobody asks whose it is.
  if (!GiveToUser(fd->get(), uid)) return EPERM;
  lent_ = true;
  return 0;
}

void StreamSocket::NoteError(const SocketCall& call) {
  wsp::v1::SocketErrorRequest request;
  if (!call.Parse(&request)) return;
  if (!IsErrno(request.linux_errno())) return call.Finish(WsaError(kWsaInval));
  {
    absl::MutexLock lock(&mu_);
    if (!lent_) return call.Finish(WsaError(kWsaInval));
    const int error =
        engine()->NoteError(static_cast<int>(request.linux_errno()));
    if (IsConnectionLost(error)) {
      LoseLocked(WsaFromErrno(error), error, ReasonOfLoss(error));
    }
  }
  NotifyObservers();
  call.Finish(CallResult());
}

void StreamSocket::ResetRemains(OwnedFd fd, absl::string_view reason) {
  bool lent;
  {
    absl::MutexLock lock(&mu_);
    lent = lent_;
    if (state_ == State::kConnected && lost_ == 0) {
      NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_RESET, 0, reason);
    }
  }
  if (lent && fd.valid()) {
    // The client has it perhaps, so that closing it ends nothing: connect(2)
    // dissolves the connection, with a reset.
    sockaddr nowhere{};
    nowhere.sa_family = AF_UNSPEC;
    (void)connect(fd.get(), &nowhere, sizeof(nowhere));
  }
  ResetAndClose(std::move(fd));
}

void StreamSocket::DescribeLent(const Socket& engine, wsp::v1::Socket* out) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  const bool known = engine.WithFd([&](int fd) {
    return fd >= 0 && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
  });
  // Its end is waited for, after a close.
  if (!known) return;
  out->set_bytes_sent(info.tcpi_bytes_sent - info.tcpi_bytes_retrans);
  out->set_bytes_received(info.tcpi_bytes_received);
  const bool ended = info.tcpi_state == kTcpClose;
  // A reset from here takes the counts away, one from the peer leaves them.
  out->set_bytes_unknown(ended && out->bytes_sent() == 0 &&
                         out->bytes_received() == 0);
  if (ended) return;
  const auto idle = absl::Milliseconds(
      std::min(info.tcpi_last_data_sent, info.tcpi_last_data_recv));
  out->set_active_at_ns(absl::ToUnixNanos(absl::Now() - idle));
}

}  // namespace wspd
