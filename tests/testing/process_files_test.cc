#include "tests/testing/process_files.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "gmock/gmock.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::SizeIs;

TEST(ThreadIdsTest, KnowsEachThreadThatRuns) {
  const std::set<pid_t> before = ThreadIds();
  EXPECT_THAT(before, Contains(gettid()));
  std::set<pid_t> within;
  std::thread([&] { within = ThreadIds(); }).join();
  EXPECT_THAT(within, SizeIs(before.size() + 1));
  EXPECT_EQ(ThreadIds(), before);
}

// A first thread is listed until the last has ended.
TEST(ThreadIdsTest, LeavesOutOneThatIsListedAfterItsEnd) {
  const pid_t child = fork();
  ASSERT_NE(child, -1);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::thread([] {
      for (;;) pause();
    }).detach();
    syscall(SYS_exit, 0);
  }
  EXPECT_TRUE(WaitUntil([&] {
    const std::set<pid_t> threads = ThreadIds(child);
    return threads.size() == 1 && threads.count(child) == 0;
  }));
  EXPECT_THAT(ThreadIds(child), Not(Contains(child)));
  EXPECT_EQ(kill(child, SIGKILL), 0);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
}

}  // namespace
}  // namespace wspd::testing
