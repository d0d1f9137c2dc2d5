#include "client_stub/preload/stream_accept.h"

#include <errno.h>
#include <sys/eventfd.h>

#include <cstring>

#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/means.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/relayed_name.h"
#include "client_stub/preload/socket_address.h"
#include "client_stub/preload/stream_state.h"
#include "proto/relay_wire.h"

namespace wsp {
namespace {

// EMFILE while nothing is lost by it: the kernel drops a descriptor for which
// there is no number.
int FindFreeNumber() {
  if (!May(Means::kProbe)) return 0;
  // Nobody's harm, if a child of another thread's fork() gets it.
  const auto free =
      static_cast<int>(kernel::Call(SYS_eventfd2, 0, EFD_CLOEXEC));
  if (free < 0) return free;
  return kernel::Close(free);
}

// The descriptor that came with a message; -1 if none did.
int DescriptorOf(msghdr* message) {
  int fd = -1;
  for (cmsghdr* item = CMSG_FIRSTHDR(message); item != nullptr;
       item = CMSG_NXTHDR(message, item)) {
    if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS &&
        item->cmsg_len >= CMSG_LEN(sizeof fd)) {
      std::memcpy(&fd, CMSG_DATA(item), sizeof fd);
    }
  }
  return fd;
}

// Why there is an end where connections come from.
int EndOfListener(int fd, const relay::Name& name) {
  RelayedState state;
  const int error = StateOfRelayed(fd, name, &state);
  return error < 0 ? error : -EINVAL;
}

// The next connection's descriptor, or a negative errno.
int Receive(int fd, const relay::Name& name, bool close_on_exec,
            relay::Accepted* accepted) {
  iovec part = {accepted, sizeof *accepted};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size =
      Real().recvmsg(fd, &message, close_on_exec ? MSG_CMSG_CLOEXEC : 0);
  if (size == 0 || (size < 0 && errno == ECONNRESET)) {
    return EndOfListener(fd, name);
  }
  if (size < 0) return -errno;
  const int connection = DescriptorOf(&message);
  if (connection < 0) return -EMFILE;
  if (size == sizeof *accepted) return connection;
  kernel::Close(connection);
  return -ECONNABORTED;
}

int CheckListening(int fd, const relay::Name& name) {
  if (HintOf(fd) == Hint::kListener) return 0;
  int listens;
  const int error =
      GetRelayedNumber(fd, name, SOL_SOCKET, SO_ACCEPTCONN, &listens);
  if (error < 0) return error;
  if (listens == 0) return -EINVAL;
  SetHint(fd, Hint::kListener);
  return 0;
}

}  // namespace

int AcceptStream(int fd, const relay::Name& name, sockaddr* address,
                 socklen_t* size, int flags) {
  if (name.kind == relay::Kind::kConnection) return -EINVAL;
  const int caller_errno = errno;
  int error = CheckListening(fd, name);
  if (error == 0) error = FindFreeNumber();
  if (error < 0) return error;
  relay::Accepted accepted;
  const int connection =
      Receive(fd, name, (flags & SOCK_CLOEXEC) != 0, &accepted);
  if (connection < 0) return connection;
  SetHint(connection, Hint::kOpenStream);
  if (!May(Means::kIdentify)) {
    RememberName(connection,
                 {name.instance, accepted.number, relay::Kind::kConnection,
                  name.family, name.protocol});
  }
  if ((flags & SOCK_NONBLOCK) != 0) {
    kernel::Call(SYS_fcntl, connection, F_SETFL, O_RDWR | O_NONBLOCK);
  }
  error = CopyAddressOut(FromWire(accepted.peer), name.family, address, size);
  if (error < 0) {
    ForgetHint(connection);
    kernel::Close(connection);
    return error;
  }
  errno = caller_errno;
  return connection;
}

}  // namespace wsp
