#include "client_stub/spi/version.h"

#include <gtest/gtest.h>

namespace wsp {
namespace {

constexpr WORD kNone = 0;

constexpr WORD Version(int major, int minor) {
  return static_cast<WORD>(minor << 8 | major);
}

// What a provider of some range answers; the WORDs print as 0x<minor><major>.
struct Row {
  WORD lowest, highest, requested, negotiated;
};

// The table of the reference, section 3.1, all of it.
constexpr Row kReference[] = {
    {Version(2, 2), Version(2, 2), Version(2, 2), Version(2, 2)},
    {Version(2, 2), Version(2, 2), Version(2, 3), Version(2, 2)},
    {Version(2, 2), Version(2, 2), Version(3, 0), Version(2, 2)},
    {Version(2, 2), Version(2, 2), Version(255, 255), Version(2, 2)},
    {Version(2, 2), Version(2, 2), Version(2, 1), kNone},
    {Version(2, 2), Version(2, 2), Version(2, 0), kNone},
    {Version(2, 2), Version(2, 2), Version(1, 1), kNone},
    {Version(2, 0), Version(2, 2), Version(2, 0), Version(2, 0)},
    {Version(1, 0), Version(1, 1), Version(2, 2), Version(1, 1)},
    {Version(1, 1), Version(2, 2), Version(1, 0), kNone},
};

// Rows that tell (major, minor) from the WORD that has the minor on top, and
// the ends of a range.
constexpr Row kMore[] = {
    {Version(1, 1), Version(2, 2), Version(1, 3), Version(1, 3)},
    {Version(1, 3), Version(2, 0), Version(2, 0), Version(2, 0)},
    {Version(1, 3), Version(2, 0), Version(1, 2), kNone},
    {Version(2, 0), Version(2, 2), Version(1, 255), kNone},
    {Version(2, 0), Version(2, 2), Version(2, 1), Version(2, 1)},
    {Version(2, 0), Version(2, 2), Version(3, 0), Version(2, 2)},
    {Version(1, 0), Version(2, 2), Version(0, 255), kNone},
    {Version(2, 2), Version(2, 2), Version(0, 0), kNone},
};

class VersionTest : public ::testing::TestWithParam<Row> {};

TEST_P(VersionTest, IsNegotiated) {
  const Row& row = GetParam();
  EXPECT_EQ(NegotiateVersion(row.requested, row.lowest, row.highest),
            row.negotiated)
      << std::hex << row.lowest << " to " << row.highest << ", requested "
      << row.requested;
}

INSTANTIATE_TEST_SUITE_P(Reference, VersionTest,
                         ::testing::ValuesIn(kReference));
INSTANTIATE_TEST_SUITE_P(More, VersionTest, ::testing::ValuesIn(kMore));

}  // namespace
}  // namespace wsp
