#ifndef WSPD_CLIENT_STUB_PRELOAD_STREAM_CONNECT_H_
#define WSPD_CLIENT_STUB_PRELOAD_STREAM_CONNECT_H_

#include <sys/socket.h>

#include "proto/relay_name.h"

namespace wsp {

// connect() of the relayed stream `name`, which the process has as `fd`. 0 or a
// negative errno. Waits, unless the socket is non-blocking, as Linux does: in a
// cancellation point, with the caller's signals open, restarted after handlers
// that want that, for SO_SNDTIMEO at most; the attempt goes on after that.
int ConnectStream(int fd, const relay::Name& name, const sockaddr* address,
                  socklen_t size);

// Makes the program's end of a stream one that isn't writable: that of a
// listener, whose daemon leaves what is sent on it.
void MakeUnwritable(int fd);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_STREAM_CONNECT_H_
