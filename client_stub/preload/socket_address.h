#ifndef WSPD_CLIENT_STUB_PRELOAD_SOCKET_ADDRESS_H_
#define WSPD_CLIENT_STUB_PRELOAD_SOCKET_ADDRESS_H_

#include <sys/socket.h>

#include "client_stub/transport/server_frame.h"
#include "proto/relay_wire.h"

namespace wsp {

// A program's socket address, copied in as the kernel does. -EINVAL for a size
// that there isn't, -EFAULT.
int CopyAddressIn(const sockaddr* address, socklen_t size,
                  sockaddr_storage* copy);

// The address that a call of a socket of `family` means by it: one of that
// family, and long enough; else -EINVAL or `wrong_family`. Bytes behind it
// don't count.
int ReadAddress(const sockaddr_storage& from, socklen_t size, int family,
                int wrong_family, Address* address);

// The other way: as the kernel hands addresses out, cut to the room, with the
// whole size. `size` may be null if `address` is. 0, -EFAULT, or -EINVAL for a
// negative size. An address of a socket of `family` without a family of its own
// is the wildcard.
int CopyAddressOut(const Address& from, int family, sockaddr* address,
                   socklen_t* size);

// What a message on a listening socket says.
Address FromWire(const relay::Address& from);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_SOCKET_ADDRESS_H_
