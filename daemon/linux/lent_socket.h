#ifndef WSPD_DAEMON_LINUX_LENT_SOCKET_H_
#define WSPD_DAEMON_LINUX_LENT_SOCKET_H_

#include <cstdint>
#include <memory>

#include "absl/types/optional.h"
#include "daemon/linux/socket_owners.h"
#include "daemon/socket/forced_end.h"

namespace wspd {

// What is known of a lent socket. The daemon has no descriptor of it.
struct LentSocket {
  // As SO_COOKIE.
  uint64_t cookie = 0;
  uint64_t inode = 0;
  // The client's number for it.
  uint64_t socket_id = 0;
  // AF_*, SOCK_*, IPPROTO_*; the protocol is never 0.
  int family = 0;
  int type = 0;
  int protocol = 0;
  // Unix time, nanoseconds.
  int64_t opened_at_ns = 0;
  std::shared_ptr<SocketOwner> owner;
  // An administrator is ending it.
  absl::optional<ForcedEnd> ending;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_LENT_SOCKET_H_
