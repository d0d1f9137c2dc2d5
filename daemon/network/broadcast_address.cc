#include "daemon/network/broadcast_address.h"

#include <errno.h>
#include <sys/socket.h>

#include "daemon/base/owned_fd.h"

namespace wspd {
namespace {

// Where nobody needs to listen: "discard".
constexpr uint16_t kAnyPort = 9;

}  // namespace

// The routes know, by all the rules that there are: to a broadcast address the
// kernel connects a datagram socket that may broadcast, and no other. Where a
// route prohibits it, it denies that to both.
bool IsBroadcastAddress(const NetAddress& address) {
  if (address.family() != AF_INET || address.is_any() ||
      address.is_multicast()) {
    return false;
  }
  // Also where there is no network.
  if (address.v4().sin_addr.s_addr == INADDR_BROADCAST) return true;
  const OwnedFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return false;
  const NetAddress destination = address.WithPort(kAnyPort);
  const auto connects = [&] {
    return connect(fd.get(), destination.get(), destination.size()) == 0;
  };
  if (connects() || errno != EACCES) return false;
  const int on = 1;
  return setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) == 0 &&
         connects();
}

}  // namespace wspd
