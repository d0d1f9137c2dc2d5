// There is no latency cliff after idleness.
#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

class IdleLatencyTest : public ProviderTest {};

TEST_F(IdleLatencyTest, CallAfterTwoSecondsOfSilenceTakesAtMostFiveMs) {
  using std::chrono::microseconds;
  constexpr int kTimes = 20;
  constexpr microseconds kBound(5000);
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  std::vector<long> times;
  for (int i = 0; i < kTimes; ++i) {
    // The silence is what is tested.
    std::this_thread::sleep_for(seconds(2));
    u_long bytes = 0;
    const Clock::time_point begin = Clock::now();
    ASSERT_EQ(spi_->BytesReadable(connection.socket, &bytes), kOk);
    times.push_back(
        std::chrono::duration_cast<microseconds>(Clock::now() - begin).count());
  }
  const auto prompt = std::count_if(times.begin(), times.end(), [&](long us) {
    return us <= kBound.count();
  });
  EXPECT_EQ(prompt, kTimes)
      << "microseconds: " << ::testing::PrintToString(times);
}

}  // namespace
}  // namespace wspd::testing
