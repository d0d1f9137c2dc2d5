#ifndef WSPD_DAEMON_LINUX_SOCKET_OWNERS_H_
#define WSPD_DAEMON_LINUX_SOCKET_OWNERS_H_

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/identity/process_key.h"
#include "daemon/policy/token_bucket.h"

namespace wspd {

// What all processes of a user have together, so that one user doesn't use up
// what is for all.
struct SocketUser {
  explicit SocketUser(uint32_t limit) : most_sockets(limit) {}

  // Of both planes; UINT32_MAX for root and the daemon's own user.
  const uint32_t most_sockets;
  bool is_limited() const { return most_sockets != UINT32_MAX; }

  std::atomic<uint32_t> sockets{0};
  // Relayed ones among them.
  std::atomic<uint32_t> relayed{0};
  // Descriptors sent and, as far as is known, not received.
  std::atomic<uint32_t> unread_descriptors{0};
  // Bytes that were taken from one end of relayed sockets and that the other
  // had no room for: of datagrams, and of streams.
  std::atomic<size_t> datagram_bytes{0};
  std::atomic<size_t> stream_bytes{0};
};

// Bytes of relayed sockets, each way; what is more waits.
struct ByteQuota {
  explicit ByteQuota(uint64_t per_second)
      : turn_bytes(BurstOf(per_second)),
        sent(per_second, turn_bytes),
        received(per_second, turn_bytes) {}

  // What goes at once, after a pause and at a time.
  static uint64_t BurstOf(uint64_t per_second) {
    return std::max<uint64_t>(per_second / 10, 16 << 10);
  }

  const uint64_t turn_bytes;
  TokenBucket sent;
  TokenBucket received;
};

// A process that asked for lent or relayed sockets. It counts them until they
// end, however often it attaches, and is remembered for that when it has gone.
struct SocketOwner {
  SocketOwner(pid_t of_pid, uid_t of_uid, std::shared_ptr<SocketUser> of_user,
              std::unique_ptr<ByteQuota> of_quota = nullptr)
      : pid(of_pid),
        uid(of_uid),
        user(std::move(of_user)),
        quota(std::move(of_quota)) {}

  // Counts one more socket. EMFILE: the process would have more than `most`,
  // `others` of its sockets among them; ENFILE: its user more than it may.
  int Count(uint32_t most, uint32_t others);
  void Uncount();

  const pid_t pid;
  const uid_t uid;
  const std::shared_ptr<SocketUser> user;
  // Null: none.
  const std::unique_ptr<ByteQuota> quota;
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
  // As limits.sockets_per_uid is by default.
  static constexpr uint32_t kSocketsPerUser = 16384;

  // `bytes_per_second`: of each owner's quota; 0: none has one.
  static std::shared_ptr<SocketOwners> Create(
      uint32_t sockets_per_user = kSocketsPerUser,
      uint32_t bytes_per_second = 0);

  bool has_quota() const { return bytes_per_second_ != 0; }

  // The owner of a process, the same one as long as the process has sockets or
  // somebody has the owner.
  std::shared_ptr<SocketOwner> Of(const ProcessKey& key,
                                  const PeerIdentity& identity);

 private:
  SocketOwners(uint32_t sockets_per_user, uint32_t bytes_per_second)
      : sockets_per_user_(sockets_per_user),
        bytes_per_second_(bytes_per_second) {}

  std::shared_ptr<SocketUser> UserLocked(uid_t uid)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Forget(const ProcessKey& key, uid_t uid);

  const uint32_t sockets_per_user_;
  const uint32_t bytes_per_second_;
  absl::Mutex mu_;
  absl::flat_hash_map<uid_t, std::weak_ptr<SocketUser>> users_
      ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<ProcessKey, std::weak_ptr<SocketOwner>> owners_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_SOCKET_OWNERS_H_
