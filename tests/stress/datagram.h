#ifndef WSPD_TESTS_STRESS_DATAGRAM_H_
#define WSPD_TESTS_STRESS_DATAGRAM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/stress/ledger.h"

namespace wspd::testing {

// A datagram to or from the peers, as no other is: a header, and then bytes of
// the pattern of its sender and its number. Both ways have the same layout and
// different patterns.
struct Datagram {
  enum class Way { kToPeer, kFromPeer };

  uint32_t record = 0;  // of the client's socket
  uint32_t number = 0;  // from 0, of this record
  uint32_t size = 0;    // of the pattern
  uint32_t magic = kMagic;

  static constexpr uint32_t kMagic = 0x57534447;
  static constexpr size_t kHeader = 16;
  static constexpr size_t kMostSize = 8192;

  std::string ToBytes(Way way) const;
  // Empty, or what isn't as it was sent. If it was `cut`, it is the beginning
  // of one, with a whole header.
  static std::string Parse(const std::string& bytes, Way way, bool cut,
                           Datagram* datagram);
};
static_assert(sizeof(Datagram) == Datagram::kHeader);

// Numbers, each of which may come once.
class NumbersSeen {
 public:
  // False if it has been there.
  bool Add(uint32_t number);

 private:
  std::vector<bool> seen_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_DATAGRAM_H_
