#include "daemon/socket/reset.h"

#include <sys/socket.h>

namespace wspd {

void ResetAndClose(OwnedFd fd) {
  const linger abort{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
}

}  // namespace wspd
