#ifndef WSPD_TESTS_LIFECYCLE_PENDING_PEERS_H_
#define WSPD_TESTS_LIFECYCLE_PENDING_PEERS_H_

#include <memory>
#include <vector>

#include "tests/lifecycle/waiting.h"
#include "tests/testing/peer_datagrams.h"
#include "tests/testing/peer_socket.h"
#include "tests/testing/silent_host.h"

namespace wspd::testing {

// The other side of calls that wait (PendingCall), all of one kind: plain
// sockets of the kernel. For a thread in a fresh network; the provider's side
// may be in another process.
class PendingPeers {
 public:
  PendingPeers(Waiting waiting, Family family);

  // Where the provider's sockets connect to.
  const Endpoint& endpoint() const { return listener_.endpoint(); }

  // After each PendingCall::Prepare, and after each Call. `own` is
  // PendingCall::own().
  void Meet(const Endpoint& own);
  void MeetCall(const Endpoint& own);

  // Does something for all calls to end well; to be called until they have.
  void Proceed();

  // Ends the connections, so that closed sockets of the provider do, too.
  void Leave() { connections_.clear(); }

  // Nobody is there any more, the connections were reset; what the calls have
  // waited for happens now.
  void ExpectGone();

 private:
  // Those that a Proceed does once.
  void ProceedOnce();

  const Waiting waiting_;
  const Family family_;
  std::unique_ptr<SilentHost> host_;
  PeerListener listener_;
  PeerDatagrams datagrams_;
  std::vector<Endpoint> owns_;
  std::vector<PeerSocket> connections_;
  bool proceeded_ = false;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_LIFECYCLE_PENDING_PEERS_H_
