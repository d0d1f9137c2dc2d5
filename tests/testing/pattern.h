#ifndef WSPD_TESTS_TESTING_PATTERN_H_
#define WSPD_TESTS_TESTING_PATTERN_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace wspd::testing {

// The bytes [offset, offset + size) of an endless stream in which no place
// looks like another, so that a lost, doubled or moved byte shows. Streams with
// different seeds differ.
std::string Pattern(uint64_t offset, size_t size, uint64_t seed = 0);

// Empty if `data` is Pattern(offset, data.size(), seed); else what differs.
std::string PatternError(const std::string& data, uint64_t offset,
                         uint64_t seed = 0);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_PATTERN_H_
