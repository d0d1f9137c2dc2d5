#ifndef WSPD_TESTS_TESTING_UNREAD_FRAMES_H_
#define WSPD_TESTS_TESTING_UNREAD_FRAMES_H_

#include <sys/types.h>

#include <cstddef>

namespace wspd::testing {

// What a client has written to its connection that the daemon hasn't read yet.
struct UnreadFrames {
  size_t bytes = 0;
  // Whether the bytes stop in the middle of a frame of proto/wsp/v1, if they
  // begin with a whole frame of HTTP/2: the daemon had read everything before.
  bool ends_within_frame = false;
  // How many whole frames of proto/wsp/v1 there are, on the same condition.
  size_t messages = 0;
};

// Looks into the daemon's receive queue and leaves everything there. Nothing if
// the client has no connection.
UnreadFrames PeekUnreadFrames(pid_t daemon, pid_t client);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_UNREAD_FRAMES_H_
