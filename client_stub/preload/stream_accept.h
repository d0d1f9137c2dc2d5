#ifndef WSPD_CLIENT_STUB_PRELOAD_STREAM_ACCEPT_H_
#define WSPD_CLIENT_STUB_PRELOAD_STREAM_ACCEPT_H_

#include <sys/socket.h>

#include "proto/relay_name.h"

namespace wsp {

// accept4() of the relayed stream `name`, which the process has as `fd`. The
// new descriptor or a negative errno. Waits as Linux does, in a cancellation
// point with the caller's signals open; whoever shares the listener shares its
// connections, each of which one of them gets.
int AcceptStream(int fd, const relay::Name& name, sockaddr* address,
                 socklen_t* size, int flags);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_STREAM_ACCEPT_H_
