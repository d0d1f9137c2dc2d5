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
  // `per_second` is at most 10^12; 0: whatever is wanted is there, and nothing
  // is counted. `burst` is at least 1. At first there is the whole burst.
  TokenBucket(uint64_t per_second, uint64_t burst)
      : per_second_(per_second), burst_(burst) {}
  TokenBucket(const TokenBucket&) = delete;
  TokenBucket& operator=(const TokenBucket&) = delete;

  // Fills like this from now on. What is owed stays owed; what there is stays
  // there, as much of it as the new burst has room for; where nothing was
  // counted, there is a burst. What is taken meanwhile may cost what it did
  // before. One call at a time.
  void SetRate(uint64_t per_second, uint64_t burst, int64_t now_ns);

  // Whether anything is counted.
  bool has_rate() const {
    return per_second_.load(std::memory_order_relaxed) != 0;
  }
  uint64_t burst() const { return burst_.load(std::memory_order_relaxed); }

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
  // As they are at one moment, for one operation: SetRate() may be at it.
  struct Rate {
    // What so many cost, rounded up so that nobody gets more than the rate.
    int64_t CostOf(uint64_t tokens) const;

    uint64_t per_second;
    uint64_t burst;
  };
  Rate rate() const {
    return {per_second_.load(std::memory_order_acquire), burst()};
  }

  std::atomic<uint64_t> per_second_;
  std::atomic<uint64_t> burst_;
  // When it would be empty with the `next` rate and as much in it, or owed, as
  // it has with the `old` one.
  static int64_t Converted(int64_t empty_at, const Rate& old, const Rate& next,
                           int64_t now_ns);

  // Far enough back.
  static constexpr int64_t kFull = INT64_MIN / 2;
  // When there was nothing in it; since then it fills.
  std::atomic<int64_t> empty_at_ns_{kFull};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_QUOTA_TOKEN_BUCKET_H_
