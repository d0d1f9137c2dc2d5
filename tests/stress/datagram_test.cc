// That who gets a datagram sees what is wrong with it.
#include "tests/stress/datagram.h"

#include <string>

#include "gmock/gmock.h"

namespace wspd::testing {
namespace {

using ::testing::HasSubstr;
using Way = Datagram::Way;

class DatagramTest : public ::testing::Test {
 protected:
  DatagramTest() {
    sent_.record = 7;
    sent_.number = 3;
    sent_.size = 100;
    bytes_ = sent_.ToBytes(Way::kToPeer);
  }

  std::string Error(bool cut = false, Way way = Way::kToPeer) {
    return Datagram::Parse(bytes_, way, cut, &came_);
  }

  Datagram sent_;
  std::string bytes_;
  Datagram came_;
};

TEST_F(DatagramTest, ComesAsItWasSent) {
  EXPECT_EQ(Error(), "");
  EXPECT_EQ(came_.record, sent_.record);
  EXPECT_EQ(came_.number, sent_.number);
  EXPECT_EQ(came_.size, sent_.size);
}

TEST_F(DatagramTest, SeesEveryAlteredByte) {
  for (size_t i = 0; i < bytes_.size(); ++i) {
    bytes_[i] ^= 1;
    EXPECT_NE(Error(), "") << "byte " << i;
    bytes_[i] ^= 1;
  }
}

TEST_F(DatagramTest, SeesTheOtherWaysBytes) {
  EXPECT_NE(Error(false, Way::kFromPeer), "");
}

TEST_F(DatagramTest, IsCutOnlyWhereThatIsSaid) {
  EXPECT_THAT(Error(true), HasSubstr("100 bytes of 100"));
  bytes_.pop_back();
  EXPECT_EQ(Error(true), "");
  EXPECT_THAT(Error(), HasSubstr("99 bytes of 100"));
  bytes_.resize(Datagram::kHeader - 1);
  EXPECT_THAT(Error(true), HasSubstr("header"));
}

TEST_F(DatagramTest, SeesTwoThatWereOne) {
  bytes_ += sent_.ToBytes(Way::kToPeer);
  EXPECT_NE(Error(), "");
}

TEST(NumbersSeenTest, EachMayComeOnce) {
  NumbersSeen seen;
  for (const uint32_t number : {5u, 0u, 1000u, 999u}) {
    EXPECT_TRUE(seen.Add(number)) << number;
  }
  for (const uint32_t number : {5u, 0u, 1000u, 999u}) {
    EXPECT_FALSE(seen.Add(number)) << number;
  }
}

}  // namespace
}  // namespace wspd::testing
