// DatagramSocket: sockets that the client has a descriptor of, too, and sends
// and receives with by itself (proto/README.md, "Lent connections").
#include <errno.h>

#include "absl/status/status.h"
#include "daemon/base/log.h"
#include "daemon/linux/socket_user.h"
#include "daemon/winsock/datagram_socket.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

int DatagramSocket::Lend(uid_t uid, OwnedFd* fd) {
  absl::MutexLock lock(&mu_);
  // Which addresses a client may have is the daemon's affair.
  if (!bound_) return EINVAL;
  if (descriptors_ != 1) return EPERM;
  // First the next receive is to be told of it.
  engine()->TakeIcmpErrors();
  if (engine()->Look().unreachable) return EAGAIN;
  *fd = engine()->Lend();
  if (!fd->valid()) return errno;
  // As a connection. Which port it is to have is shared by others only if the
  // client has said which.
  if (!named_port_ && !GiveToUser(fd->get(), uid)) return EPERM;
  lent_ = true;
  lent_to_ = uid;
  return 0;
}

void DatagramSocket::GiveUp(Remains remains) {
  absl::MutexLock lock(&mu_);
  if (!lent_ || !remains.fd.valid()) return;
  if (GiveToUser(remains.fd.get(), lent_to_)) return;
  static LogLimit limit(10);
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kWarning, "a lent socket stays the daemon's after its end",
        {{"uid", lent_to_},
         {"cause", absl::ErrnoToStatus(errno, "fchown(socket)").ToString()}},
        *suppressed);
  }
}

// What it was hardly matters: of ICMP errors the kernel's queue has all.
void DatagramSocket::NoteError(const SocketCall& call) {
  wsp::v1::SocketErrorRequest request;
  if (!call.Parse(&request)) return;
  if (!IsErrno(request.linux_errno())) return call.Finish(WsaError(kWsaInval));
  {
    absl::MutexLock lock(&mu_);
    if (!lent_) return call.Finish(WsaError(kWsaInval));
  }
  engine()->TakeIcmpErrors();
  call.Finish(CallResult());
}

}  // namespace wspd
