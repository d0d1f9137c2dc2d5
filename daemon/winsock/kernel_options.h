#ifndef WSPD_DAEMON_WINSOCK_KERNEL_OPTIONS_H_
#define WSPD_DAEMON_WINSOCK_KERNEL_OPTIONS_H_

#include "daemon/winsock/socket_options.h"

namespace wspd {

// Gives the kernel's socket `to` the options of `from`, another stream socket
// of the same family, as far as they are kept in the kernel and can be set, and
// the buffers that `options` say. What the state of `to` doesn't allow to be
// set any more stays as it is there.
void CopyKernelOptions(int from, const SocketOptions& options, int to);

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_KERNEL_OPTIONS_H_
