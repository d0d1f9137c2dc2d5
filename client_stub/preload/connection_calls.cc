// The calls that make and end connections.
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "client_stub/preload/datagram_calls.h"
#include "client_stub/preload/exported.h"
#include "client_stub/preload/means.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/relayed_descriptor.h"
#include "client_stub/preload/socket_address.h"
#include "client_stub/preload/stream_accept.h"
#include "client_stub/preload/stream_connect.h"
#include "client_stub/preload/stream_state.h"

namespace wsp {
namespace {

// IPv4's bind() takes an address without a family for the wildcard.
bool IsUnspecifiedWildcard(const sockaddr_storage& address) {
  return address.ss_family == AF_UNSPEC &&
         reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr ==
             htonl(INADDR_ANY);
}

int Bind(int fd, const relay::Name& name, const sockaddr* address,
         socklen_t size) {
  sockaddr_storage local;
  int error = CopyAddressIn(address, size, &local);
  if (error != 0) return error;
  if (name.family == AF_INET && IsUnspecifiedWildcard(local)) {
    local.ss_family = AF_INET;
  }
  Address target;
  error = ReadAddress(local, size, name.family, -EAFNOSUPPORT, &target);
  if (error != 0) return error;
  error = BindRelayed(fd, name, target);
  if (error == 0 && IsDatagram(name)) ForgetDatagramSends(name.number);
  return error;
}

int Listen(int fd, const relay::Name& name, int backlog) {
  if (IsDatagram(name)) return -EOPNOTSUPP;
  if (name.kind == relay::Kind::kConnection) return -EINVAL;
  const int error = ListenRelayed(fd, name, backlog);
  if (error != 0) return error;
  SetHint(fd, Hint::kListener);
  // Linux's isn't.
  MakeUnwritable(fd);
  return 0;
}

int Accept(int fd, const relay::Name& name, sockaddr* address, socklen_t* size,
           int flags) {
  if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0) return -EINVAL;
  if (IsDatagram(name)) return -EOPNOTSUPP;
  return AcceptStream(fd, name, address, size, flags);
}

// A kernel's new descriptor that is no relayed socket.
int NotePlain(int fd) {
  if (fd >= 0) SetHint(fd, Hint::kPlain);
  return fd;
}

int ShutDownStream(int fd, const relay::Name& name, int how) {
  if (how < SHUT_RD || how > SHUT_RDWR) return -EINVAL;
  if (!May(Means::kAsk)) return Real().shutdown(fd, how) == 0 ? 0 : -errno;
  // Its peer's name tells whether it is connected, and takes no error.
  Address peer;
  int error = 0;
  if (!OpenIfConnected(fd) || HasHungUp(fd)) {
    error = AddressOfRelayed(fd, name, true, &peer);
  }
  if (error == 0) {
    return Real().shutdown(fd, how) == 0 ? 0 : -errno;
  }
  if (error != -ENOTCONN || HintOf(fd) == Hint::kOpenStream) return error;
  // An attempt to connect, or a listener.
  error = ShutDownRelayed(fd, name, how);
  // Whoever waits in accept() is to see that.
  if (error == 0 && HintOf(fd) == Hint::kListener && how != SHUT_WR) {
    Real().shutdown(fd, SHUT_RD);
  }
  return error;
}

}  // namespace
}  // namespace wsp

WSP_INTERPOSED int connect(int fd, const sockaddr* address, socklen_t size) {
  wsp::relay::Name name;
  if (!wsp::IsOurs(fd, &name)) return wsp::Real().connect(fd, address, size);
  pthread_testcancel();
  return wsp::ReturnOrSetErrno(
      wsp::IsDatagram(name) ? wsp::DatagramConnect(fd, name, address, size)
                            : wsp::ConnectStream(fd, name, address, size));
}

WSP_INTERPOSED int bind(int fd, const sockaddr* address,
                        socklen_t size) noexcept {
  wsp::relay::Name name;
  if (!wsp::IsOurs(fd, &name)) return wsp::Real().bind(fd, address, size);
  return wsp::ReturnOrSetErrno(wsp::Bind(fd, name, address, size));
}

WSP_INTERPOSED int listen(int fd, int backlog) noexcept {
  wsp::relay::Name name;
  if (!wsp::IsOurs(fd, &name)) return wsp::Real().listen(fd, backlog);
  return wsp::ReturnOrSetErrno(wsp::Listen(fd, name, backlog));
}

WSP_INTERPOSED int accept(int fd, sockaddr* address, socklen_t* size) {
  wsp::relay::Name name;
  if (!wsp::IsOurs(fd, &name)) {
    return wsp::NotePlain(wsp::Real().accept(fd, address, size));
  }
  pthread_testcancel();
  return wsp::ReturnOrSetErrno(wsp::Accept(fd, name, address, size, 0));
}

WSP_INTERPOSED int accept4(int fd, sockaddr* address, socklen_t* size,
                           int flags) {
  wsp::relay::Name name;
  if (!wsp::IsOurs(fd, &name)) {
    return wsp::NotePlain(wsp::Real().accept4(fd, address, size, flags));
  }
  pthread_testcancel();
  return wsp::ReturnOrSetErrno(wsp::Accept(fd, name, address, size, flags));
}

WSP_INTERPOSED int shutdown(int fd, int how) noexcept {
  wsp::relay::Name name;
  if (!wsp::IsOurs(fd, &name)) return wsp::Real().shutdown(fd, how);
  return wsp::ReturnOrSetErrno(wsp::IsDatagram(name)
                                   ? wsp::DatagramShutdown(fd, name, how)
                                   : wsp::ShutDownStream(fd, name, how));
}
