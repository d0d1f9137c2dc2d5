#ifndef WSPD_TESTS_PRELOAD_BEHAVIOUR_ECHO_PEER_H_
#define WSPD_TESTS_PRELOAD_BEHAVIOUR_ECHO_PEER_H_

#include <atomic>

#include "tests/preload/behaviour/fixture.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {

// A listening peer whose thread echoes on as many connections as are made, with
// all signals blocked. A fork's child hasn't got the thread, but can connect to
// it: it is its parent's.
class EchoPeer {
 public:
  explicit EchoPeer(int family);
  ~EchoPeer();

  const SocketAddress& address() const { return address_; }
  // A connection of ours to it.
  OwnedFd Connect() const;

 private:
  void Run();
  void AcceptOne();
  void EchoOn(int fd);

  int family_;
  OwnedFd listener_;
  SocketAddress address_;
  OwnedFd stop_;
  OwnedFd set_;
  testing::ThreadGroup threads_;
};

// Sends a byte and receives its echo; false if that fails. Async-signal-safe.
bool EchoByte(int fd);

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_ECHO_PEER_H_
