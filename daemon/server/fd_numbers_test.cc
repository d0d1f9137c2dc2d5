#include "daemon/server/fd_numbers.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace wspd {
namespace {

OwnedFd OpenNull() { return OwnedFd(open("/dev/null", O_RDONLY)); }

int MoveAndClose(FdNumbers* numbers) {
  return numbers->Move(OpenNull()).value().get();
}

TEST(FdNumbersTest, ANumberJustClosedIsNotTheNextOne) {
  FdNumbers numbers(300, 303);
  std::vector<int> seen;
  for (int i = 0; i < 6; ++i) seen.push_back(MoveAndClose(&numbers));
  EXPECT_EQ(seen, (std::vector<int>{300, 301, 302, 303, 300, 301}));
}

TEST(FdNumbersTest, SkipsWhatIsInUse) {
  FdNumbers numbers(300, 303);
  const OwnedFd first = numbers.Move(OpenNull()).value();
  const OwnedFd third(fcntl(first.get(), F_DUPFD_CLOEXEC, 302));
  EXPECT_EQ(MoveAndClose(&numbers), 301);
  EXPECT_EQ(MoveAndClose(&numbers), 303);
  EXPECT_EQ(MoveAndClose(&numbers), 301);
}

TEST(FdNumbersTest, GoesAboveAFullRange) {
  FdNumbers numbers(300, 301);
  const OwnedFd a = numbers.Move(OpenNull()).value();
  const OwnedFd b = numbers.Move(OpenNull()).value();
  EXPECT_EQ(MoveAndClose(&numbers), 302);
}

TEST(FdNumbersTest, MovedIsCloseOnExecAndTheOriginalIsGone) {
  FdNumbers numbers(300, 301);
  OwnedFd original = OpenNull();
  const int number = original.get();
  const OwnedFd moved = numbers.Move(std::move(original)).value();
  EXPECT_EQ(fcntl(moved.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

TEST(FdNumbersTest, FailsWhereNothingIsOpen) {
  FdNumbers numbers(300, 301);
  EXPECT_EQ(numbers.Move(OwnedFd()).status().message(),
            "fcntl(F_DUPFD): Bad file descriptor");
}

TEST(FdNumbersTest, RangeOfThisProcessStaysBelowItsLimit) {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  for (rlim_t open_files : {1024, 4096, 20000}) {
    if (open_files > limit.rlim_max) continue;
    rlimit lower = {open_files, limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
    const FdNumbers numbers = FdNumbers::ForThisProcess();
    EXPECT_GE(numbers.first(), static_cast<int>(open_files / 2));
    EXPECT_LE(numbers.last(), static_cast<int>(open_files * 7 / 8));
    EXPECT_GT(numbers.last() - numbers.first(), 300);
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

}  // namespace
}  // namespace wspd
