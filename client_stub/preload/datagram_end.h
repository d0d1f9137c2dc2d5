#ifndef WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_END_H_
#define WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_END_H_

#include <errno.h>
#include <poll.h>

#include "client_stub/preload/datagram_requests.h"
#include "client_stub/preload/kernel_calls.h"
#include "proto/relay_name.h"

namespace wsp {

// The kernel says that the program's end is at its end: -ENETDOWN if that is
// because the daemon is gone, `own` if the program has shut it down.
inline long DatagramEnd(int fd, const relay::Name& name, long own) {
  pollfd end = {fd, 0, 0};
  const timespec at_once = {};
  kernel::Poll(&end, 1, &at_once, nullptr);
  // Said of both ways shut down, too.
  if ((end.revents & POLLHUP) == 0) return own;
  return AskForDatagramSocket(fd, name) == 0 ? own : -ENETDOWN;
}

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_END_H_
