#include "daemon/quota/token_bucket.h"

#include <algorithm>

namespace wspd {
namespace {

constexpr uint64_t kSecondNs = 1000000000;

// a * b / c without overflow on the way.
uint64_t MulDiv(uint64_t a, uint64_t b, uint64_t c) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b / c);
}

}  // namespace

int64_t TokenBucket::CostOf(uint64_t tokens) const {
  const auto product = static_cast<unsigned __int128>(tokens) * kSecondNs;
  return static_cast<int64_t>((product + per_second_ - 1) / per_second_);
}

uint64_t TokenBucket::TakeUpTo(uint64_t wanted, int64_t now_ns) {
  int64_t empty_at = empty_at_ns_.load(std::memory_order_relaxed);
  for (;;) {
    const int64_t begin = std::max(empty_at, now_ns - CostOf(burst_));
    if (begin >= now_ns) return 0;
    const uint64_t there = std::min(
        burst_,
        MulDiv(static_cast<uint64_t>(now_ns - begin), per_second_, kSecondNs));
    const uint64_t taken = std::min(wanted, there);
    if (taken == 0) return 0;
    if (empty_at_ns_.compare_exchange_weak(empty_at, begin + CostOf(taken),
                                           std::memory_order_relaxed)) {
      return taken;
    }
  }
}

void TokenBucket::TakeUsed(uint64_t used, int64_t now_ns) {
  int64_t empty_at = empty_at_ns_.load(std::memory_order_relaxed);
  for (;;) {
    const int64_t begin = std::max(empty_at, now_ns - CostOf(burst_));
    if (empty_at_ns_.compare_exchange_weak(empty_at, begin + CostOf(used),
                                           std::memory_order_relaxed)) {
      return;
    }
  }
}

void TokenBucket::GiveBack(uint64_t unused) {
  // By no more than they had cost.
  const uint64_t gain = MulDiv(unused, kSecondNs, per_second_);
  empty_at_ns_.fetch_sub(static_cast<int64_t>(gain), std::memory_order_relaxed);
}

int64_t TokenBucket::WaitFor(uint64_t wanted, int64_t now_ns) const {
  const int64_t empty_at = empty_at_ns_.load(std::memory_order_relaxed);
  const int64_t full = CostOf(std::min(wanted, burst_));
  return std::max<int64_t>(
      0, std::max(empty_at, now_ns - CostOf(burst_)) + full - now_ns);
}

}  // namespace wspd
