#include "tests/stress/datagram.h"

#include <algorithm>
#include <cstring>

#include "tests/testing/pattern.h"

namespace wspd::testing {
namespace {

uint64_t Seed(Datagram::Way way, uint32_t record) {
  return way == Datagram::Way::kToPeer ? SeedToPeer(record)
                                       : SeedFromPeer(record);
}

// Where no other datagram's bytes are.
uint64_t Offset(uint32_t number) {
  return uint64_t{number} * Datagram::kMostSize;
}

}  // namespace

std::string Datagram::ToBytes(Way way) const {
  std::string bytes(kHeader, '\0');
  std::memcpy(&bytes[0], this, kHeader);
  return bytes + Pattern(Offset(number), size, Seed(way, record));
}

std::string Datagram::Parse(const std::string& bytes, Way way, bool cut,
                            Datagram* datagram) {
  if (bytes.size() < kHeader) return "a datagram without a whole header";
  std::memcpy(datagram, bytes.data(), kHeader);
  if (datagram->magic != kMagic || datagram->size > kMostSize ||
      datagram->record == 0 || datagram->record >= Ledger::kMostRecords) {
    return "a datagram with a broken header";
  }
  const size_t size = bytes.size() - kHeader;
  if (cut ? size >= datagram->size : size != datagram->size) {
    return "a datagram with " + std::to_string(size) + " bytes of " +
           std::to_string(datagram->size);
  }
  return PatternError(bytes.substr(kHeader), Offset(datagram->number),
                      Seed(way, datagram->record));
}

bool NumbersSeen::Add(uint32_t number) {
  if (seen_.size() <= number) {
    seen_.resize(std::max<size_t>(64, size_t{number} * 2 + 1));
  }
  const bool is_new = !seen_[number];
  seen_[number] = true;
  return is_new;
}

}  // namespace wspd::testing
