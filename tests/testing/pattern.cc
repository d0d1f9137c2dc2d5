#include "tests/testing/pattern.h"

namespace wspd::testing {
namespace {

// splitmix64's finalizer.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

char ByteAt(uint64_t offset, uint64_t seed) {
  return static_cast<char>(Mix(offset / 8 + (seed << 40)) >> (offset % 8 * 8));
}

}  // namespace

std::string Pattern(uint64_t offset, size_t size, uint64_t seed) {
  std::string data(size, '\0');
  uint64_t word = 0;
  for (size_t i = 0; i < size; ++i) {
    const uint64_t at = offset + i;
    if (i == 0 || at % 8 == 0) word = Mix(at / 8 + (seed << 40));
    data[i] = static_cast<char>(word >> (at % 8 * 8));
  }
  return data;
}

std::string PatternError(const std::string& data, uint64_t offset,
                         uint64_t seed) {
  if (data == Pattern(offset, data.size(), seed)) return "";
  for (size_t i = 0; i < data.size(); ++i) {
    if (data[i] != ByteAt(offset + i, seed)) {
      return "of " + std::to_string(data.size()) + " bytes at " +
             std::to_string(offset) + " the one at " +
             std::to_string(offset + i) + " is the first wrong one";
    }
  }
  return "";
}

}  // namespace wspd::testing
