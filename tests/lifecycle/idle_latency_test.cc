// There is no latency cliff after idleness.
#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/echo_server.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

class IdleLatencyTest : public ProviderTest {
 protected:
  using microseconds = std::chrono::microseconds;

  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    connection_ = Connect();
    control_ = PeerSocket::ConnectTo(echo_.endpoint());
  }

  template <typename Action>
  static microseconds MicrosecondsOf(const Action& action) {
    const Clock::time_point begin = Clock::now();
    action();
    return std::chrono::duration_cast<microseconds>(Clock::now() - begin);
  }

  microseconds TimeOfCall() {
    return MicrosecondsOf([&] {
      u_long bytes = 0;
      EXPECT_EQ(spi_->BytesReadable(connection_.socket, &bytes), kOk);
    });
  }

  // Whether a thread that slept as long is slow to wake by the kernel alone:
  // then the machine is busy with other things, and a slow call says nothing.
  bool MachineIsBusy() {
    return MicrosecondsOf([&] {
             EXPECT_TRUE(control_.Write("x"));
             EXPECT_EQ(control_.Read(1), "x");
           }) > milliseconds(1);
  }

  EchoServer echo_;
  PeerSocket control_;
  Connection connection_;
};

TEST_F(IdleLatencyTest, CallAfterTwoSecondsOfSilenceTakesAtMostFiveMs) {
  constexpr int kTimes = 20;
  constexpr microseconds kBound(5000);
  int disregarded = 0;
  std::vector<long> times;
  while (times.size() < kTimes) {
    // The silence is what is tested.
    std::this_thread::sleep_for(seconds(2));
    const microseconds time = TimeOfCall();
    if (time > kBound && MachineIsBusy() && ++disregarded < 2 * kTimes) {
      continue;
    }
    times.push_back(time.count());
  }
  const auto prompt = std::count_if(times.begin(), times.end(), [&](long us) {
    return us <= kBound.count();
  });
  EXPECT_EQ(prompt, kTimes)
      << "microseconds: " << ::testing::PrintToString(times) << ", besides "
      << disregarded << " while the machine was busy";
}

}  // namespace
}  // namespace wspd::testing
