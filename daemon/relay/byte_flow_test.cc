#include "daemon/relay/byte_flow.h"

#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/owned_fd.h"
#include "daemon/testing/send_descriptor.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

struct Pair {
  Pair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    near.Reset(ends[0]);
    far.Reset(ends[1]);
  }
  OwnedFd near;
  OwnedFd far;
};

// A byte with a descriptor, at which whoever receives has to stop.
void SendOneByOne(int fd) { ASSERT_EQ(SendDescriptor(fd, fd), 1); }

// There may be hundreds with each.
TEST(ByteFlowTest, DescriptorsAreATurnEach) {
  const Pair source, sink;
  constexpr uint64_t kPieces = 100;
  for (uint64_t i = 0; i < kPieces; ++i) SendOneByOne(source.near.get());
  ByteFlow flow;
  flow.SetReady(false, false);
  char data[4096];
  uint64_t moved = 0;
  int error = 0;
  int turns = 0;
  for (;;) {
    size_t budget = 64 << 10;
    const uint64_t before = moved;
    const ByteFlow::Result result =
        flow.Run(source.far.get(), sink.near.get(), {data, sizeof(data)},
                 &budget, &moved, &error);
    ++turns;
    EXPECT_LE(moved - before, 1u);
    if (result != ByteFlow::Result::kMore) break;
  }
  EXPECT_EQ(moved, kPieces);
  EXPECT_GE(turns, 100);
}

TEST(ByteFlowTest, UrgentBytesUseUpATurn) {
  const Pair source, sink;
  ByteFlow flow;
  char data[4096];
  int error = 0;
  // Each is at the front when it is looked for.
  size_t budget = 64 << 10;
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(send(source.near.get(), "x", 1, MSG_OOB), 1);
    uint64_t moved = 0;
    flow.SetReady(true, false);
    (void)flow.Run(source.far.get(), sink.near.get(), {data, sizeof(data)},
                   &budget, &moved, &error);
    EXPECT_EQ(moved, 1u);
  }
  EXPECT_LE(budget, size_t{24} << 10);
}

}  // namespace
}  // namespace wspd
