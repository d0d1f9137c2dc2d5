#ifndef WSPD_DAEMON_WINSOCK_TCP_INFO_CODEC_H_
#define WSPD_DAEMON_WINSOCK_TCP_INFO_CODEC_H_

#include <cstddef>

#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// What the kernel's TCP says of a connection (TCP_INFO), for listings: `tcp`.
// Nothing is set of a socket that is no connection now.

// `info` as getsockopt() or sock_diag(7) gives it, of any kernel's size.
void DescribeTcp(const void* info, size_t size, wsp::v1::Socket* out);

// Asks the kernel. What isn't TCP, or -1, has nothing to tell.
void DescribeTcpOf(int fd, wsp::v1::Socket* out);

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_TCP_INFO_CODEC_H_
