#ifndef WSPD_DAEMON_LINUX_SOCKET_OWNERS_H_
#define WSPD_DAEMON_LINUX_SOCKET_OWNERS_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/identity/process_key.h"

namespace wspd {

// A process that asked for lent or relayed sockets. It counts them until they
// end, however often it attaches, and is remembered for that when it has gone.
struct SocketOwner {
  SocketOwner(pid_t of_pid, uid_t of_uid) : pid(of_pid), uid(of_uid) {}

  const pid_t pid;
  const uid_t uid;
  // The client that the process is now; 0: none, it has detached or died.
  std::atomic<uint64_t> client_id{0};
  // On both planes together.
  std::atomic<uint32_t> sockets{0};
};

// The owners that have sockets, or that somebody has.
//
// Thread-safe; no other lock is taken under this one's.
class SocketOwners : public std::enable_shared_from_this<SocketOwners> {
 public:
  static std::shared_ptr<SocketOwners> Create();

  // The owner of a process, the same one as long as the process has sockets or
  // somebody has the owner.
  std::shared_ptr<SocketOwner> Of(const ProcessKey& key,
                                  const PeerIdentity& identity);

 private:
  SocketOwners() = default;

  void Forget(const ProcessKey& key);

  absl::Mutex mu_;
  absl::flat_hash_map<ProcessKey, std::weak_ptr<SocketOwner>> owners_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_SOCKET_OWNERS_H_
