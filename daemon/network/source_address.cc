#include "daemon/network/source_address.h"

#include <errno.h>
#include <sys/socket.h>

#include "daemon/base/owned_fd.h"

namespace wspd {
namespace {

// Where nobody needs to listen: "discard".
constexpr uint16_t kAnyPort = 9;

}  // namespace

// A datagram socket's connect asks the routes, by all the rules that there are,
// and does nothing else.
int FindSourceAddress(const NetAddress& to, NetAddress* source) {
  OwnedFd fd(socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno;
  // Broadcast addresses have routes, too.
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
  const NetAddress destination = to.WithPort(kAnyPort);
  if (connect(fd.get(), destination.get(), destination.size()) != 0) {
    // What IPv6 says if there is a route, but no address to send from.
    return errno == EADDRNOTAVAIL ? ENETUNREACH : errno;
  }
  *source = NetAddress::LocalOf(fd.get()).WithPort(0);
  return 0;
}

}  // namespace wspd
