// A connection that the kernel doesn't dissolve: its end comes all the same.
#include <errno.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <memory>

#include "daemon/relay/relayed_stream_fixture.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

class RelayedEndFailureTest : public RelayedStreamTest {
 protected:
  // From now on, in all threads.
  static void RefuseConnects() {
    const std::unique_ptr<void, decltype(&seccomp_release)> filter(
        seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
    ASSERT_NE(filter, nullptr);
    ASSERT_EQ(seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1), 0);
    ASSERT_EQ(seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EBUSY),
                               SCMP_SYS(connect), 0),
              0);
    ASSERT_EQ(seccomp_load(filter.get()), 0);
  }
};

TEST_F(RelayedEndFailureTest, WhatCannotBeDissolvedIsClosedWithAReset) {
  RelayedSockets::Options options = TwoLoops();
  options.linger_time = absl::Milliseconds(50);
  Start(options);
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  RefuseConnects();
  SendBeyondTheKernel(relayed);
  ASSERT_EQ(relayed.socket->End(ForcedEnd::kOrderly), 0);
  AwaitEvents(peer.get(), POLLERR);
  EXPECT_TRUE(
      Await([&] { return relayed.socket->End(ForcedEnd::kReset) == EBADF; }));
  relayed.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
}

}  // namespace
}  // namespace wspd
