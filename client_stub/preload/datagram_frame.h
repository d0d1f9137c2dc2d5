#ifndef WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_FRAME_H_
#define WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_FRAME_H_

#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proto/relay_wire.h"

// What a datagram is on the program's end of a relayed socket: a header, its
// control block, its payload (proto/relay_wire.h). Pure functions of memory,
// without allocations.
namespace wsp {

// ---- addresses

// The address that a datagram is sent to, on a socket of `family`, read as the
// kernel reads it: 0, -EINVAL, -EAFNOSUPPORT. No address, AF_UNSPEC on IPv6:
// kNoAddress, the peer. `address` may be null.
int ReadDestination(int family, const sockaddr* address, socklen_t size,
                    relay::Address* destination);

// The address that a datagram socket of `family` is to be connected to, the
// same way; AF_UNSPEC: kNoAddress.
int ReadPeer(int family, const sockaddr* address, socklen_t size,
             relay::Address* peer);

// Writes the address a datagram came from, cut to `*size` bytes, and its whole
// size; 0 for none.
void WriteSource(const relay::Address& source, sockaddr* address,
                 socklen_t* size);

// ---- the control block

// Whether the cmsghdrs of a message that is to be sent can be told apart, as
// the kernel wants it, and keep to kMaxControlBytes: 0, -EINVAL, -ENOBUFS.
int CheckControl(const msghdr& message);

// Puts the cmsghdrs of `control`, which is aligned as they are, where recvmsg()
// would: into the room that `message` has, cut, with MSG_CTRUNC, if there isn't
// enough. Ends at what is no cmsghdr.
void PutControl(const void* control, size_t size, msghdr* message);

// ---- parts of memory

// Of all together, SIZE_MAX at most.
size_t TotalBytes(const iovec* parts, size_t count);

// Copies the first `front_bytes` of what is in the parts to `front`, and moves
// the next `bytes` to their beginning. There are as many.
void TakeFront(const iovec* parts, size_t count, void* front,
               size_t front_bytes, size_t bytes);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_FRAME_H_
