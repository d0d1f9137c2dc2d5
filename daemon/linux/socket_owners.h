#ifndef WSPD_DAEMON_LINUX_SOCKET_OWNERS_H_
#define WSPD_DAEMON_LINUX_SOCKET_OWNERS_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "daemon/base/in_force.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/identity/process_key.h"
#include "daemon/quota/rate_quota.h"
#include "daemon/quota/wait_spreader.h"

namespace wspd {

// What the processes of one user may have together. Root and the daemon's own
// user may have any number.
struct UserLimits {
  // On all planes.
  uint32_t sockets = 16384;
  // Unanswered or unacknowledged.
  uint32_t calls = 131072;
  // Send payload of unanswered calls.
  uint64_t queued_bytes = 256 << 20;
  Rates rates;

  bool operator==(const UserLimits& other) const {
    return sockets == other.sockets && calls == other.calls &&
           queued_bytes == other.queued_bytes && rates == other.rates;
  }
};

// What all processes of a user have together, so that one user doesn't use up
// what is for all.
struct SocketUser {
  // `of_limits`: null for root and the daemon's own user.
  explicit SocketUser(std::shared_ptr<const InForce<UserLimits>> of_limits,
                      std::shared_ptr<RateBuckets> of_rates = nullptr)
      : limits(std::move(of_limits)), rates(std::move(of_rates)) {}

  const std::shared_ptr<const InForce<UserLimits>> limits;
  bool is_limited() const { return limits != nullptr; }
  // Null: none ever.
  const std::shared_ptr<RateBuckets> rates;
  // Of whatever waits for rates, these or those of the clients.
  const std::shared_ptr<WaitSpreader> waits = std::make_shared<WaitSpreader>();

  // Counts one more of sockets; false if that is above the limit.
  bool CountSocket();
  void UncountSockets(uint32_t count) {
    sockets.fetch_sub(count, std::memory_order_relaxed);
  }

  // Of all planes.
  std::atomic<uint32_t> sockets{0};
  // Relayed ones among them.
  std::atomic<uint32_t> relayed{0};
  // Of limited users only.
  std::atomic<uint32_t> calls{0};
  std::atomic<uint64_t> queued_bytes{0};
  // Descriptors sent and, as far as is known, not received.
  std::atomic<uint32_t> unread_descriptors{0};
  // Bytes that were taken from one end of relayed sockets and that the other
  // had no room for: of datagrams, and of streams.
  std::atomic<size_t> datagram_bytes{0};
  std::atomic<size_t> stream_bytes{0};
};

// A process that attached. It counts the sockets that it was lent, or that are
// relayed for it, until they end, however often it attaches, and is remembered
// for that when it has gone.
struct SocketOwner {
  SocketOwner(pid_t of_pid, uid_t of_uid, std::shared_ptr<SocketUser> of_user,
              std::shared_ptr<RateQuota> of_quota = nullptr)
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
  // Of all its sockets, on all planes; null: none ever.
  const std::shared_ptr<RateQuota> quota;
  // The client that the process is now; 0: none, it has detached or died.
  std::atomic<uint64_t> client_id{0};
  // On both planes together.
  std::atomic<uint32_t> sockets{0};
};

// The owners that have sockets, or that somebody has.
//
// Thread-safe; no other lock is taken under this one's but InForce's.
class SocketOwners : public std::enable_shared_from_this<SocketOwners> {
 public:
  static std::shared_ptr<SocketOwners> Create(
      const UserLimits& user_limits = {}, const Rates& client_rates = {});

  // Those that hold from now on, also for the owners that there are. Counts
  // take nothing from anybody: who has more gets no more until he has less.
  // Rates hold at once; what was owed stays owed, but where there was no rate,
  // or is none, nothing is.
  void SetLimits(const UserLimits& user_limits, const Rates& client_rates);

  // Whether rates can apply to a process of the user's.
  bool HasRates(uid_t uid) const;

  // The owner of a process, the same one as long as the process has sockets or
  // somebody has the owner.
  std::shared_ptr<SocketOwner> Of(const ProcessKey& key,
                                  const PeerIdentity& identity);

 private:
  SocketOwners(const UserLimits& user_limits, const Rates& client_rates)
      : user_limits_(std::make_shared<InForce<UserLimits>>(user_limits)),
        client_rates_(client_rates) {}

  static bool IsLimited(uid_t uid);
  std::shared_ptr<SocketUser> UserLocked(uid_t uid)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::shared_ptr<RateBuckets> RatesLocked(uid_t uid)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::shared_ptr<RateBuckets> OwnRatesLocked(const ProcessKey& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LeaveOwnRatesLocked(const ProcessKey& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Forget(const ProcessKey& key, uid_t uid);

  // Processes without an owner that rates are remembered of; of more the oldest
  // are forgotten. Who begins so many has so many rates anyway.
  static constexpr size_t kMostLeft = 4096;
  struct OwnRates {
    std::shared_ptr<RateBuckets> rates;
    // Where it is in left_; none: it has an owner.
    std::optional<std::list<ProcessKey>::iterator> left;
  };

  // Its users may outlive this.
  const std::shared_ptr<InForce<UserLimits>> user_limits_;
  mutable absl::Mutex mu_;
  Rates client_rates_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uid_t, std::weak_ptr<SocketUser>> users_
      ABSL_GUARDED_BY(mu_);
  // Outlive the user's last process until they are full: else who ends his
  // processes and begins anew would have a burst each time.
  absl::flat_hash_map<uid_t, std::shared_ptr<RateBuckets>> rates_
      ABSL_GUARDED_BY(mu_);
  // Of processes. Outlive their owners until they are
  // full: else who cleans up and starts up again would have a burst each time,
  // and owe nothing.
  absl::flat_hash_map<ProcessKey, OwnRates> own_rates_ ABSL_GUARDED_BY(mu_);
  // Those without an owner, by when they lost it.
  std::list<ProcessKey> left_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<ProcessKey, std::weak_ptr<SocketOwner>> owners_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_SOCKET_OWNERS_H_
