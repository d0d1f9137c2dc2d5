#include "daemon/quota/token_bucket.h"

#include <algorithm>

namespace wspd {
namespace {

constexpr uint64_t kSecondNs = 1000000000;
// Whatever is owed beyond is forgotten, so that the slowest rate has a time for
// it.
constexpr uint64_t kMostOwed = 1000000000;

// a * b / c without overflow on the way.
uint64_t MulDiv(uint64_t a, uint64_t b, uint64_t c) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b / c);
}

}  // namespace

int64_t TokenBucket::Rate::CostOf(uint64_t tokens) const {
  const auto product = static_cast<unsigned __int128>(tokens) * kSecondNs;
  return static_cast<int64_t>((product + per_second - 1) / per_second);
}

void TokenBucket::SetRate(uint64_t per_second, uint64_t burst, int64_t now_ns) {
  const Rate old = rate();
  const Rate next{per_second, burst};
  if (per_second == old.per_second && burst == old.burst) return;
  if (old.per_second == 0) {
    empty_at_ns_.store(kFull, std::memory_order_relaxed);
  } else if (per_second != 0) {
    int64_t empty_at = empty_at_ns_.load(std::memory_order_relaxed);
    while (!empty_at_ns_.compare_exchange_weak(
        empty_at, Converted(empty_at, old, next, now_ns),
        std::memory_order_relaxed)) {
    }
  }
  burst_.store(burst, std::memory_order_relaxed);
  // Last: nothing that was taken at the new rate is to be taken for what is
  // owed at the old one, which may be a thousand times as much.
  per_second_.store(per_second, std::memory_order_release);
}

int64_t TokenBucket::Converted(int64_t empty_at, const Rate& old,
                               const Rate& next, int64_t now_ns) {
  if (empty_at > now_ns) {
    const uint64_t owed = MulDiv(static_cast<uint64_t>(empty_at - now_ns),
                                 old.per_second, kSecondNs);
    return now_ns + next.CostOf(std::min(owed, kMostOwed));
  }
  const int64_t begin = std::max(empty_at, now_ns - old.CostOf(old.burst));
  const uint64_t there =
      MulDiv(static_cast<uint64_t>(now_ns - begin), old.per_second, kSecondNs);
  return now_ns - static_cast<int64_t>(MulDiv(std::min(there, next.burst),
                                              kSecondNs, next.per_second));
}

uint64_t TokenBucket::TakeUpTo(uint64_t wanted, int64_t now_ns) {
  const Rate rate = this->rate();
  if (rate.per_second == 0) return wanted;
  int64_t empty_at = empty_at_ns_.load(std::memory_order_relaxed);
  for (;;) {
    const int64_t begin = std::max(empty_at, now_ns - rate.CostOf(rate.burst));
    if (begin >= now_ns) return 0;
    const uint64_t there =
        std::min(rate.burst, MulDiv(static_cast<uint64_t>(now_ns - begin),
                                    rate.per_second, kSecondNs));
    const uint64_t taken = std::min(wanted, there);
    if (taken == 0) return 0;
    if (empty_at_ns_.compare_exchange_weak(empty_at, begin + rate.CostOf(taken),
                                           std::memory_order_relaxed)) {
      return taken;
    }
  }
}

void TokenBucket::TakeUsed(uint64_t used, int64_t now_ns) {
  const Rate rate = this->rate();
  if (rate.per_second == 0) return;
  int64_t empty_at = empty_at_ns_.load(std::memory_order_relaxed);
  for (;;) {
    const int64_t begin = std::max(empty_at, now_ns - rate.CostOf(rate.burst));
    if (empty_at_ns_.compare_exchange_weak(empty_at, begin + rate.CostOf(used),
                                           std::memory_order_relaxed)) {
      return;
    }
  }
}

void TokenBucket::GiveBack(uint64_t unused) {
  const Rate rate = this->rate();
  if (rate.per_second == 0) return;
  // By no more than they had cost.
  const uint64_t gain = MulDiv(unused, kSecondNs, rate.per_second);
  empty_at_ns_.fetch_sub(static_cast<int64_t>(gain), std::memory_order_relaxed);
}

int64_t TokenBucket::WaitFor(uint64_t wanted, int64_t now_ns) const {
  const Rate rate = this->rate();
  if (rate.per_second == 0) return 0;
  const int64_t empty_at = empty_at_ns_.load(std::memory_order_relaxed);
  const int64_t full = rate.CostOf(std::min(wanted, rate.burst));
  return std::max<int64_t>(
      0, std::max(empty_at, now_ns - rate.CostOf(rate.burst)) + full - now_ns);
}

}  // namespace wspd
