#ifndef WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_CALLS_H_
#define WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_CALLS_H_

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include <cstdint>

#include "proto/relay_name.h"

// What the calls for data do to relayed datagram sockets. `fd` is the program's
// end of the one that `name` names: the caller has just made sure of that.
//
// Each returns what the kernel's call does, a negative errno on failure, and
// waits as it does: in the C library's own function, a cancellation point, with
// nothing held. All are async-signal-safe. ENETDOWN: the daemon is gone.
namespace wsp {

// More parts of memory in one call are EMSGSIZE; the kernel itself takes 1,024.
constexpr size_t kMostDatagramParts = 1022;

// sendmsg(); and what else sends is made of it.
long DatagramSend(int fd, const relay::Name& name, const msghdr& message,
                  int flags);
long DatagramSendTo(int fd, const relay::Name& name, const void* data,
                    size_t size, int flags, const sockaddr* to,
                    socklen_t to_size);
// writev()
long DatagramWrite(int fd, const relay::Name& name, const iovec* parts,
                   int count);
int DatagramSendBatch(int fd, const relay::Name& name, mmsghdr* messages,
                      unsigned count, int flags);

// recvmsg(), also with MSG_ERRQUEUE. Where ancillary data comes along, the
// caller's memory behind the payload is overwritten, within its parts.
long DatagramReceive(int fd, const relay::Name& name, msghdr* message,
                     int flags);
// `from` and `from_size` may be null.
long DatagramReceiveFrom(int fd, const relay::Name& name, void* data,
                         size_t size, int flags, sockaddr* from,
                         socklen_t* from_size);
// readv(), and read() by one part.
long DatagramRead(int fd, const relay::Name& name, const iovec* parts,
                  int count);
int DatagramReceiveBatch(int fd, const relay::Name& name, mmsghdr* messages,
                         unsigned count, int flags, timespec* timeout);

// splice() out of a pipe, and sendfile(): one datagram.
long DatagramSplice(int fd, const relay::Name& name, int pipe, size_t size,
                    unsigned flags);
long DatagramSendFile(int fd, const relay::Name& name, int file, off_t* offset,
                      size_t size);

// connect(), also to another peer, and to none.
int DatagramConnect(int fd, const relay::Name& name, const sockaddr* address,
                    socklen_t size);

// Whoever changes something of the socket, an option or its address, says so:
// where its datagrams have gone before tells nothing any more.
void ForgetDatagramSends(uint64_t number);

// shutdown()
int DatagramShutdown(int fd, const relay::Name& name, int how);

// FIONREAD: of the first datagram.
int DatagramBytesReadable(int fd);

// The error that came before the next datagram, which it takes; 0 if none did.
// If another thread takes the same at the same time, the datagram behind it is
// lost.
int TakeDatagramError(int fd);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_CALLS_H_
