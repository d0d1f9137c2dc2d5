#ifndef WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_REQUESTS_H_
#define WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_REQUESTS_H_

#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proto/relay_name.h"
#include "proto/relay_wire.h"

// What the daemon is asked about a relayed datagram socket, of which `fd` is
// the program's end. Each returns what the kernel said to the real one, a
// negative errno if that failed; -ENETDOWN if the daemon can't be asked, also
// in a vfork child.
namespace wsp {

// One datagram, to which `header` belongs.
struct OutgoingDatagram {
  const relay::DatagramHeader* header;
  const void* control;
  const iovec* parts;
  size_t part_count;
  // Of all parts.
  size_t bytes;
};

// send(). How many bytes went.
long AskToSendDatagram(int fd, const relay::Name& name,
                       const OutgoingDatagram& datagram);

// recvmsg() with MSG_ERRQUEUE.
long AskForQueuedError(int fd, const relay::Name& name, msghdr* message);

// connect(); kNoAddress: takes the connection back.
int AskToConnectDatagrams(int fd, const relay::Name& name,
                          const relay::Address& peer);

// shutdown().
int AskToShutDownDatagrams(int fd, const relay::Name& name, int how);

// 0 if the daemon still has the socket.
int AskForDatagramSocket(int fd, const relay::Name& name);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_REQUESTS_H_
