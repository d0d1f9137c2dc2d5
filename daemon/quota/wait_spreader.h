#ifndef WSPD_DAEMON_QUOTA_WAIT_SPREADER_H_
#define WSPD_DAEMON_QUOTA_WAIT_SPREADER_H_

#include <atomic>
#include <cstdint>

namespace wspd {

// When those that wait for one user's rates look whether they may go on. All of
// them could at the same moment, when there is room for few: so they look at
// different times, the farther apart the more they are. Whatever room there is
// somebody finds soon, and who that is, is chance, so that nobody is passed by
// for good.
//
// Thread-safe, without a lock.
class WaitSpreader {
 public:
  // Nobody looks before: a burst, of a tenth of a second or more, makes up for
  // it.
  static constexpr int64_t kLeastNs = 10'000'000;
  // For each that waits all may wait so much longer, and half of it on average,
  // so that looking, which may cost locks and system calls, takes a part of a
  // thread's time: however many wait, they look 40,000 times a second.
  static constexpr int64_t kForEachNs = 50'000;

  // One more waits, for what there may be in `wait_ns` nanoseconds. Returns in
  // how many it is to look.
  int64_t Enter(int64_t wait_ns);

  // It has looked, or doesn't wait any more.
  void Leave() { waiting_.fetch_sub(1, std::memory_order_relaxed); }

  // How often somebody has begun to wait, so far: once for each look.
  uint64_t entered() const { return entered_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> waiting_{0};
  std::atomic<uint64_t> entered_{0};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_QUOTA_WAIT_SPREADER_H_
