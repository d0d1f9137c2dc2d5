#ifndef WSPD_DAEMON_RELAY_RELAYED_STREAM_FIXTURE_H_
#define WSPD_DAEMON_RELAY_RELAYED_STREAM_FIXTURE_H_

#include <errno.h>
#include <sys/socket.h>

#include "daemon/relay/relay_fixture.h"
#include "gtest/gtest.h"

namespace wspd {

// For tests of relayed streams.
class RelayedStreamTest : public RelayFixture {
 protected:
  RelayedStreamTest() { Start(); }

  void SetLinger(const Relayed& relayed, const linger& value) {
    EXPECT_EQ(relayed.socket->UseReal([&](int fd) {
      return setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof(value)) == 0
                 ? 0
                 : errno;
    }),
              0);
    relayed.socket->OnLingerSet();
  }

  // The pending error, which is none afterwards.
  int TakeError(const Relayed& relayed) {
    LinuxState state;
    EXPECT_EQ(relayed.socket->State(0, &state), 0);
    return state.error();
  }
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAYED_STREAM_FIXTURE_H_
