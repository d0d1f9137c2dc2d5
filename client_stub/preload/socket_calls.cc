// socket(): the one call by which a program comes to an Internet socket of its
// own making.
#include <sys/socket.h>

#include "client_stub/preload/descriptor_hints.h"
#include "client_stub/preload/exported.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/settings.h"
#include "client_stub/preload/socket_session.h"

namespace wsp {
namespace {

// What the daemon makes. All else is the kernel's affair: other families, raw
// sockets, and what it knows better how to refuse.
bool IsTheDaemons(int family, int type) {
  if (family != AF_INET && family != AF_INET6) return false;
  const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
  return kind == SOCK_STREAM || kind == SOCK_DGRAM;
}

Hint HintOfNewSocket(int type, bool relayed) {
  if (!relayed) return Hint::kPlain;
  return (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM
             ? Hint::kNewStream
             : Hint::kDatagram;
}

}  // namespace
}  // namespace wsp

WSP_INTERPOSED int socket(int domain, int type, int protocol) noexcept {
  const wsp::RealFunctions& real = wsp::Real();
  if (!wsp::IsTheDaemons(domain, type)) {
    const int fd = real.socket(domain, type, protocol);
    if (fd >= 0) wsp::SetHint(fd, wsp::Hint::kPlain);
    return fd;
  }
  bool relayed = false;
  const int result = wsp::MakeSocket(domain, type, protocol,
                                     wsp::ProcessSettings().plane, &relayed);
  if (result == -ENETDOWN && wsp::ProcessSettings().fallback) {
    const int fd = real.socket(domain, type, protocol);
    if (fd >= 0) wsp::SetHint(fd, wsp::Hint::kPlain);
    return fd;
  }
  if (result >= 0) wsp::SetHint(result, wsp::HintOfNewSocket(type, relayed));
  return wsp::ReturnOrSetErrno(result);
}
