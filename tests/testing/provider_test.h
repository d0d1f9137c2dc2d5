#ifndef WSPD_TESTS_TESTING_PROVIDER_TEST_H_
#define WSPD_TESTS_TESTING_PROVIDER_TEST_H_

#include <memory>

#include "gmock/gmock.h"
#include "tests/testing/daemon_process.h"
#include "tests/testing/peer_socket.h"
#include "tests/testing/spi.h"  // before any system socket header
#include "tests/testing/wait_until.h"

namespace wspd::testing {

// A daemon, and the provider loaded to use it, not started up yet. At the end
// what the test left registered is cleaned up, and the daemon has to stop in
// good order if it still runs.
class ProviderTest : public ::testing::Test {
 protected:
  explicit ProviderTest(const DaemonOptions& options = {});

  void SetUp() override;
  void TearDown() override;

  // A connection of the provider and its peer, both ends.
  struct Connection {
    SOCKET socket = INVALID_SOCKET;
    PeerSocket peer;
  };
  // A test failure if it doesn't come about.
  Connection Connect(PeerListener& listener);
  Connection Connect() { return Connect(listener_); }

  DaemonProcess daemon_;
  PeerListener listener_;
  std::unique_ptr<Spi> spi_;
};

// Whether the test runs with its sockets lent (on_lent_plane.sh): a SOCKET is a
// descriptor of the kernel then, and what needs no daemon doesn't ask it.
bool OnLentPlane();

// WSPD_SOCKET, which tells this process's provider where the daemon is, also
// that of its children.
void UseDaemonAt(const std::string& provider_socket);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_PROVIDER_TEST_H_
