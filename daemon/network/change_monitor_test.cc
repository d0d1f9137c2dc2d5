#include "daemon/network/change_monitor.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

class FakeObserver : public ChangeObserver {
 public:
  void OnNetworkChange(uint32_t changes) override {
    absl::MutexLock lock(&mu_);
    changes_ |= changes;
  }
  bool Await(uint32_t changes) {
    absl::MutexLock lock(&mu_);
    auto there = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return (changes_ & changes) == changes;
    };
    return mu_.AwaitWithTimeout(absl::Condition(&there), absl::Minutes(1));
  }
  uint32_t Take() {
    absl::MutexLock lock(&mu_);
    const uint32_t changes = changes_;
    changes_ = 0;
    return changes;
  }

 private:
  absl::Mutex mu_;
  uint32_t changes_ ABSL_GUARDED_BY(mu_) = 0;
};

class ChangeMonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(unshare(CLONE_NEWNET) == 0 ||
                unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
        << strerror(errno);
    // In the new namespace, too.
    loop_ = *EventLoop::Create("test");
  }

  static void SetLoopbackUp(bool up) {
    const OwnedFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    strcpy(request.ifr_name, "lo");
    ASSERT_EQ(ioctl(fd.get(), SIOCGIFFLAGS, &request), 0);
    if (up) {
      request.ifr_flags |= IFF_UP;
    } else {
      request.ifr_flags &= ~IFF_UP;
    }
    ASSERT_EQ(ioctl(fd.get(), SIOCSIFFLAGS, &request), 0);
  }

  static int OpenDescriptors() {
    int count = 0;
    DIR* const folder = opendir("/proc/self/fd");
    while (readdir(folder) != nullptr) ++count;
    closedir(folder);
    return count;
  }

  std::unique_ptr<EventLoop> loop_;
  const std::shared_ptr<ChangeMonitor> monitor_ = ChangeMonitor::Create();
  const std::shared_ptr<FakeObserver> first_ = std::make_shared<FakeObserver>();
  const std::shared_ptr<FakeObserver> second_ =
      std::make_shared<FakeObserver>();
};

TEST_F(ChangeMonitorTest, ObserversHearOfWhatTheyAskedFor) {
  ASSERT_EQ(monitor_->Observe(first_, kIpv4RoutesChanged, loop_.get()), 0);
  ASSERT_EQ(monitor_->Observe(second_, kIpv4AddressesChanged, loop_.get()), 0);
  SetLoopbackUp(true);
  EXPECT_TRUE(first_->Await(kIpv4RoutesChanged));
  // Loopback addresses don't count.
  EXPECT_EQ(second_->Take(), 0u);
  monitor_->StopObserving(first_.get());
  monitor_->StopObserving(second_.get());
}

TEST_F(ChangeMonitorTest, WithoutObserversThereIsNoDescriptor) {
  const int before = OpenDescriptors();
  ASSERT_EQ(monitor_->Observe(first_, kIpv4RoutesChanged, loop_.get()), 0);
  ASSERT_EQ(monitor_->Observe(second_, kIpv6RoutesChanged, loop_.get()), 0);
  EXPECT_EQ(OpenDescriptors(), before + 1);
  monitor_->StopObserving(first_.get());
  monitor_->StopObserving(first_.get());
  SetLoopbackUp(true);
  EXPECT_TRUE(second_->Await(kIpv6RoutesChanged));
  EXPECT_EQ(first_->Take(), 0u);
  monitor_->StopObserving(second_.get());
  EXPECT_EQ(OpenDescriptors(), before);
  // And begins anew.
  second_->Take();
  ASSERT_EQ(monitor_->Observe(first_, kIpv4RoutesChanged, loop_.get()), 0);
  SetLoopbackUp(false);
  EXPECT_TRUE(first_->Await(kIpv4RoutesChanged));
  EXPECT_EQ(second_->Take(), 0u);
  monitor_->StopObserving(first_.get());
}

}  // namespace
}  // namespace wspd
