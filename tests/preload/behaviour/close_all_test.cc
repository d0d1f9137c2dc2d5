// Programs that close all descriptors, as daemons do when they start: the
// library's own survive, and what isn't closed goes on.
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/syscall.h>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/fixture.h"

namespace wspd::preload {
namespace {

struct Sweep {
  const char* name;
  void (*close_from)(int lowest);
};

void ByCloseRange(int lowest) { EXPECT_SUCCESS(close_range(lowest, ~0u, 0)); }

void ByUnsharedCloseRange(int lowest) {
  EXPECT_SUCCESS(close_range(lowest, ~0u, CLOSE_RANGE_UNSHARE));
}

void ByClosefrom(int lowest) { closefrom(lowest); }

// The rest by the number of descriptors there may be, as older programs do.
void ByLoop(int lowest) {
  for (int fd = lowest; fd < 4096; ++fd) close(fd);
}

const Sweep kSweeps[] = {
    {"CloseRange", ByCloseRange},
    {"UnsharedCloseRange", ByUnsharedCloseRange},
    {"Closefrom", ByClosefrom},
    {"Loop", ByLoop},
};

using SweepParameter = std::tuple<int, Origin, Sweep>;

// In a child, since the test itself has descriptors open.
class CloseAllTest : public ::testing::TestWithParam<SweepParameter> {
 protected:
  int family() const { return std::get<0>(GetParam()); }
  Origin origin() const { return std::get<1>(GetParam()); }
  static void CloseFrom(int lowest) {
    std::get<2>(GetParam()).close_from(lowest);
  }
};

INSTANTIATE_TEST_SUITE_P(, CloseAllTest,
                         ::testing::ValuesIn(WithBothEnds(kSweeps)), NameOf());

TEST_P(CloseAllTest, NewConnectionsAreMadeAfterwards) {
  Child child([&] {
    const Connection before = MakeConnection(family(), origin());
    CloseFrom(3);
    EXPECT_EQ(Call(fcntl(before.ours.get(), F_GETFD)), Fails(EBADF));
    const Connection after = MakeConnection(family(), origin());
    EXPECT_TRUE(Talk(after.ours.get(), after.peer.get()));
    EXPECT_LT(after.ours.get(), 10) << "something stayed open";
  });
  EXPECT_TRUE(child.Succeeds());
}

// The first socket comes after.
TEST_P(CloseAllTest, FirstConnectionIsMadeAfterwards) {
  Child child([&] {
    CloseFrom(3);
    const Connection after = MakeConnection(family(), origin());
    EXPECT_TRUE(Talk(after.ours.get(), after.peer.get()));
  });
  EXPECT_TRUE(child.Succeeds());
}

// The connection is moved below what is closed.
TEST_P(CloseAllTest, WhatIsKeptGoesOn) {
  Child child([&] {
    Connection kept = MakeConnection(family(), origin());
    const SocketAddress remote = SocketAddress::LocalOf(kept.peer.get());
    ASSERT_EQ(dup2(kept.ours.get(), 100), 100);
    ASSERT_EQ(dup2(kept.peer.get(), 101), 101);
    CloseFrom(102);
    for (int fd = 3; fd < 100; ++fd) close(fd);
    EXPECT_TRUE(Talk(100, 101));
    EXPECT_EQ(SocketAddress::RemoteOf(100), remote);
    EXPECT_SUCCESS(close(100));
    EXPECT_TRUE(Ends(101));
  });
  EXPECT_TRUE(child.Succeeds());
}

TEST_P(CloseAllTest, WhatIsClosedEnds) {
  Connection connection = MakeConnection(family(), origin());
  const int ours = connection.ours.Release();
  Gate swept, seen;
  Child child([&] {
    // Its own descriptors of the gates are kept by numbers below.
    ASSERT_EQ(dup2(swept.write_end(), 3), 3);
    ASSERT_EQ(dup2(seen.read_end(), 4), 4);
    CloseFrom(5);
    ASSERT_EQ(write(3, "", 1), 1);
    char byte;
    EXPECT_EQ(read(4, &byte, 1), 1);
  });
  close(ours);
  ASSERT_TRUE(swept.Wait());
  EXPECT_TRUE(Ends(connection.peer.get()));
  seen.Open();
  EXPECT_TRUE(child.Succeeds());
}

// A child's sweep is its own.
TEST_P(CloseAllTest, ParentGoesOn) {
  const Connection connection = MakeConnection(family(), origin());
  Child child([&] { CloseFrom(3); });
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(connection.ours.get(), connection.peer.get()));
  const Connection next = MakeConnection(family(), origin());
  EXPECT_TRUE(Talk(next.ours.get(), next.peer.get()));
}

class MarkAllTest : public ConnectionTest {};
INSTANTIATE_FOR_CONNECTIONS(MarkAllTest);

// CLOSE_RANGE_CLOEXEC closes nothing before exec.
TEST_P(MarkAllTest, CloseOnExecForAll) {
  ASSERT_EQ(dup2(ours(), 100), 100);
  CloseOurs();
  const RoleCommand closed("closed", {"100"});
  Child child([&] {
    EXPECT_SUCCESS(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC));
    EXPECT_EQ(Call(fcntl(100, F_GETFD)), Gives(FD_CLOEXEC));
    EXPECT_TRUE(Talk(100, peer()));
    ExecRole(closed);
  });
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(100, peer()));
  close(100);
  EXPECT_TRUE(Ends(peer()));
}

TEST_P(MarkAllTest, WrongRangesCloseNothing) {
  EXPECT_EQ(Call(close_range(10, 3, 0)), Fails(EINVAL));
  EXPECT_EQ(Call(close_range(3, ~0u, 0x80)), Fails(EINVAL));
  EXPECT_TRUE(Talk(ours(), peer()));
}

// Descriptors closed by raw calls behind the library's back.
TEST_P(MarkAllTest, RawSweepThenNewConnections) {
  Child child([&] {
    EXPECT_SUCCESS(syscall(SYS_close_range, 3, 99, 0));
    const Connection after = MakeConnection(family(), origin());
    EXPECT_TRUE(Talk(after.ours.get(), after.peer.get()));
  });
  EXPECT_TRUE(child.Succeeds());
}

}  // namespace
}  // namespace wspd::preload
