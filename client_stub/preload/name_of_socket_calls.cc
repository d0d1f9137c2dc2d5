// getsockname() and getpeername().
#include <errno.h>
#include <sys/socket.h>

#include "client_stub/preload/exported.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/relayed_calls.h"
#include "client_stub/preload/relayed_descriptor.h"
#include "client_stub/preload/socket_address.h"

namespace wsp {
namespace {

int NameOf(int fd, const relay::Name& name, bool peer, sockaddr* address,
           socklen_t* size) {
  Address found;
  const int error = AddressOfRelayed(fd, name, peer, &found);
  if (error != 0) return error;
  if (address == nullptr) return -EFAULT;
  return CopyAddressOut(found, name.family, address, size);
}

}  // namespace
}  // namespace wsp

WSP_INTERPOSED int getsockname(int fd, sockaddr* address,
                               socklen_t* size) noexcept {
  wsp::relay::Name name;
  if (!wsp::IsOurs(fd, &name)) {
    return wsp::Real().getsockname(fd, address, size);
  }
  return wsp::ReturnOrSetErrno(wsp::NameOf(fd, name, false, address, size));
}

WSP_INTERPOSED int getpeername(int fd, sockaddr* address,
                               socklen_t* size) noexcept {
  wsp::relay::Name name;
  if (!wsp::IsOurs(fd, &name)) {
    return wsp::Real().getpeername(fd, address, size);
  }
  return wsp::ReturnOrSetErrno(wsp::NameOf(fd, name, true, address, size));
}
