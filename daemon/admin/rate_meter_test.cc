#include "daemon/admin/rate_meter.h"

#include "gtest/gtest.h"

namespace wspd {
namespace {

class RateMeterTest : public ::testing::Test {
 protected:
  // A second later.
  void Add(uint64_t calls) {
    wsp::v1::GetServerInfoResponse totals;
    totals.set_calls_total(calls);
    totals.set_bytes_sent_total(calls * 100);
    totals.set_bytes_received_total(calls * 200);
    totals.set_clients_attached_total(calls / 10);
    totals.set_connections_total(calls / 2);
    now_ += absl::Seconds(1);
    meter_.Add(now_, totals);
  }

  wsp::v1::GetServerInfoResponse Filled() {
    wsp::v1::GetServerInfoResponse info;
    meter_.Fill(&info);
    return info;
  }

  RateMeter meter_;
  absl::Duration now_ = absl::Seconds(1000);
};

TEST_F(RateMeterTest, NeedsTwoLooks) {
  EXPECT_EQ(Filled().rates_size(), 0);
  Add(0);
  EXPECT_EQ(Filled().rates_size(), 0);
  Add(40);
  const auto info = Filled();
  ASSERT_EQ(info.rates_size(), 3);
  for (const auto& rates : info.rates()) {
    EXPECT_EQ(rates.seconds(), 1);
    EXPECT_EQ(rates.calls(), 40);
    EXPECT_EQ(rates.bytes_sent(), 4000);
    EXPECT_EQ(rates.bytes_received(), 8000);
    EXPECT_EQ(rates.clients(), 4);
    EXPECT_EQ(rates.connections(), 20);
  }
}

TEST_F(RateMeterTest, HasALongAndAShortMemory) {
  // 10 a second, for longer than is kept; then 100 a second.
  uint64_t calls = 0;
  for (int i = 0; i < 200; ++i) Add(calls += 10);
  for (int i = 0; i < 5; ++i) Add(calls += 100);
  const auto info = Filled();
  ASSERT_EQ(info.rates_size(), 3);
  EXPECT_EQ(info.rates(0).calls(), 100);
  EXPECT_EQ(info.rates(1).seconds(), 10);
  EXPECT_EQ(info.rates(1).calls(), 55);
  EXPECT_EQ(info.rates(2).seconds(), 60);
  EXPECT_EQ(info.rates(2).calls(), (55 * 10 + 5 * 100) / 60.0);
}

TEST_F(RateMeterTest, NothingGoesBackwards) {
  Add(100);
  Add(90);
  EXPECT_EQ(Filled().rates(0).calls(), 0);
}

}  // namespace
}  // namespace wspd
