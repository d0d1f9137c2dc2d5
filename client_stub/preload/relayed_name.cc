#include "client_stub/preload/relayed_name.h"

#include <errno.h>

#include "client_stub/preload/kernel_calls.h"

namespace wsp {

Identity IdentifyDescriptor(int fd, relay::Name* name) {
  const int caller_errno = errno;
  sockaddr_un address;
  socklen_t size = sizeof address;
  const long result = kernel::Call(SYS_getpeername, fd, &address, &size);
  errno = caller_errno;
  if (result == 0 && relay::ParseName(address, size, name)) {
    return Identity::kRelayed;
  }
  return result == -EBADF ? Identity::kNoDescriptor : Identity::kOther;
}

}  // namespace wsp
