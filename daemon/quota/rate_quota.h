#ifndef WSPD_DAEMON_QUOTA_RATE_QUOTA_H_
#define WSPD_DAEMON_QUOTA_RATE_QUOTA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "daemon/quota/token_bucket.h"
#include "daemon/quota/wait_spreader.h"

namespace wspd {

// What somebody may have of a second; 0: as much as there is.
struct Rates {
  // Each way.
  uint64_t bytes = 0;
  // TCP connections that are begun or accepted.
  uint64_t connections = 0;
  // Calls, and as many datagrams and pieces of streams each way that are
  // relayed: what takes the daemon's time, however few bytes it has.
  uint64_t operations = 0;

  bool any() const { return bytes != 0 || connections != 0 || operations != 0; }
  bool operator==(const Rates& other) const {
    return bytes == other.bytes && connections == other.connections &&
           operations == other.operations;
  }
};

// What one holder of rates, a client or a user, has left of them. Thread-safe,
// without a lock.
struct RateBuckets {
  explicit RateBuckets(const Rates& rates);

  // Those that it has from now on, as TokenBucket::SetRate(). One call at a
  // time.
  void Set(const Rates& rates, int64_t now_ns);
  // Whether there are any.
  bool any() const {
    return sent.has_rate() || connections.has_rate() || calls.has_rate();
  }

  // What goes at once after a pause: a tenth of a second's, or 16 KiB, of
  // bytes, a tenth of a second's, or one, of operations, and a second's of
  // connections.
  static uint64_t ByteBurstOf(uint64_t per_second);

  // Whether all are full: it is as if nothing had been used.
  bool full(int64_t now_ns) const;

  // UINT64_MAX: bytes aren't limited.
  uint64_t turn_bytes() const {
    return sent.has_rate() ? sent.burst() : UINT64_MAX;
  }
  TokenBucket sent;
  TokenBucket received;
  TokenBucket connections;
  // Those of operations, each for itself: what comes from elsewhere is not to
  // hold up calls.
  TokenBucket calls;
  TokenBucket sends;
  TokenBucket receives;
};

// What a client is held to: its own rates and those that it shares with its
// user's other clients. Of all its sockets, whatever plane they are on. The
// buckets' rates may change, and be none for a while.
//
// Bytes are taken when they have gone: who finds that he needn't wait moves
// what he has at hand, at most turn_bytes() or one operation's 64 KiB, and what
// that was above the rate makes the next one wait. So nothing is ever moved
// twice or given up. So are operations, of which a turn does several at once.
// Connections are taken before.
//
// Thread-safe, without a lock.
class RateQuota {
 public:
  // Null if both have no rates. `user` may be null. `waits`: of all that waits
  // for the user's clients, whosever rates these wait for, so that who has many
  // clients doesn't take more of the daemon's time; null: one of its own.
  static std::shared_ptr<RateQuota> Create(
      const Rates& own, std::shared_ptr<RateBuckets> user,
      std::shared_ptr<WaitSpreader> waits = nullptr);
  // The same with what the client has left of its own, if it was one before;
  // null: it has no rates.
  static std::shared_ptr<RateQuota> Of(std::shared_ptr<RateBuckets> own,
                                       std::shared_ptr<RateBuckets> user,
                                       std::shared_ptr<WaitSpreader> waits);

  // `quota` if it holds anybody to anything at the moment, else null.
  static RateQuota* InForce(const std::shared_ptr<RateQuota>& quota) {
    return quota != nullptr && quota->applies() ? quota.get() : nullptr;
  }
  bool applies() const {
    return (own_ != nullptr && own_->any()) ||
           (user_ != nullptr && user_->any());
  }

  // The buckets' clock.
  static int64_t NowNs();

  // How long sending, or receiving, has to wait; not at all: zero.
  absl::Duration SendWait() const;
  absl::Duration ReceiveWait() const;
  void CountSent(uint64_t bytes);
  void CountReceived(uint64_t bytes);
  // What each datagram takes of the network besides its payload, and is counted
  // as well: the headers of IPv4 and UDP. Else empty ones would be free.
  static constexpr uint64_t kDatagramHeaderBytes = 20 + 8;
  // What may be moved at a time.
  uint64_t turn_bytes() const;

  // How long the next operation has to wait, a call or a relayed piece or
  // datagram, for which its bytes count as well; not at all: zero.
  absl::Duration CallWait() const;
  absl::Duration RelayedSendWait() const;
  absl::Duration RelayedReceiveWait() const;
  void CountCalls(uint64_t count);
  void CountRelayedSends(uint64_t count);
  void CountRelayedReceives(uint64_t count);

  // What has to wait for `wait` waits for what BeginWait() says, which is
  // longer if others wait, and no more than about a second else: whoever looks
  // then hears of what has become of a peer as well. Of each that has begun
  // EndWait() is told.
  absl::Duration BeginWait(absl::Duration wait);
  void EndWait() { waits_->Leave(); }

  // Takes one connection: zero; or how long it is until there may be one, and
  // takes nothing.
  absl::Duration TakeConnection();
  absl::Duration ConnectionWait() const;
  // It wasn't begun.
  void GiveBackConnection();

 private:
  RateQuota(std::shared_ptr<RateBuckets> own, std::shared_ptr<RateBuckets> user,
            std::shared_ptr<WaitSpreader> waits);

  using Bucket = TokenBucket RateBuckets::*;
  absl::Duration WaitFor(Bucket bucket) const;
  void Count(Bucket bucket, uint64_t used);

  // One of them may be null.
  const std::shared_ptr<RateBuckets> own_;
  const std::shared_ptr<RateBuckets> user_;
  const std::shared_ptr<WaitSpreader> waits_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_QUOTA_RATE_QUOTA_H_
