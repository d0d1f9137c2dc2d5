#ifndef WSPD_DAEMON_QUOTA_TOKEN_BUCKET_H_
#define WSPD_DAEMON_QUOTA_TOKEN_BUCKET_H_

#include <atomic>
#include <cstdint>

namespace wspd {

// Lets so many of something through each second, and after a pause a burst.
// Whoever gets nothing waits and asks again.
//
// Thread-safe without a lock. Times are nanoseconds of any clock that doesn't
// go back by much; one that does costs its callers no more than that.
class TokenBucket {
 public:
  // `per_second` is 1 to 10^12, `burst` at least 1. At first there is the whole
  // burst.
  TokenBucket(uint64_t per_second, uint64_t burst)
      : per_second_(per_second), burst_(burst) {}
  TokenBucket(const TokenBucket&) = delete;
  TokenBucket& operator=(const TokenBucket&) = delete;

  // Takes what there is, at most `wanted`; returns how many.
  uint64_t TakeUpTo(uint64_t wanted, int64_t now_ns);

  // Takes as many as were used already: what there isn't, is owed, and fills
  // first.
  void TakeUsed(uint64_t used, int64_t now_ns);

  // Gives back what was taken and not used.
  void GiveBack(uint64_t unused);

  // How long from now, in nanoseconds, until there are `wanted`, or as many as
  // there ever are; 0: there are.
  int64_t WaitFor(uint64_t wanted, int64_t now_ns) const;

 private:
  // What so many cost, rounded up so that nobody gets more than the rate.
  int64_t CostOf(uint64_t tokens) const;

  const uint64_t per_second_;
  const uint64_t burst_;
  // When there was nothing in it; since then it fills. Far enough back: full.
  std::atomic<int64_t> empty_at_ns_{INT64_MIN / 2};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_QUOTA_TOKEN_BUCKET_H_
