#include "daemon/quota/wait_spreader.h"

#include <algorithm>

namespace wspd {
namespace {

// SplitMix64: as good as chance.
uint64_t Mix(uint64_t value) {
  value *= 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

int64_t WaitSpreader::Enter(int64_t wait_ns) {
  const uint64_t others = waiting_.fetch_add(1, std::memory_order_relaxed);
  const uint64_t number = entered_.fetch_add(1, std::memory_order_relaxed);
  return std::max(wait_ns, kLeastNs) +
         static_cast<int64_t>(Mix(number) % (others * kForEachNs + 1));
}

}  // namespace wspd
