#include "daemon/relay/byte_flow.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <string>

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

TEST(ByteFlowTest, WhatIsDroppedCountsAsMoved) {
  const Pair source, sink;
  ASSERT_EQ(send(source.near.get(), "dropped", 7, 0), 7);
  ByteFlow flow;
  flow.SetReady(false, false);
  flow.Discard();
  char data[4096];
  size_t budget = 64 << 10;
  uint64_t moved = 0;
  int error = 0;
  (void)flow.Run(source.far.get(), sink.near.get(), {data, sizeof(data)},
                 &budget, &moved, &error);
  EXPECT_EQ(moved, 7u);
  char byte;
  EXPECT_EQ(recv(sink.far.get(), &byte, 1, MSG_DONTWAIT), -1);
}

// A connection over the loopback.
struct Connection {
  Connection() {
    const OwnedFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const name = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener.get(), name, size), 0);
    EXPECT_EQ(listen(listener.get(), 1), 0);
    EXPECT_EQ(getsockname(listener.get(), name, &size), 0);
    near.Reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(near.get(), name, size), 0);
    far.Reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  int Unsent() const {
    int bytes = -1;
    EXPECT_EQ(ioctl(near.get(), SIOCOUTQNSD, &bytes), 0);
    return bytes;
  }
  void Cork(int on) const {
    EXPECT_EQ(setsockopt(near.get(), IPPROTO_TCP, TCP_CORK, &on, sizeof(on)),
              0);
  }
  // The far end acknowledges late.
  void DelayAcknowledgements() const {
    const int off = 0;
    EXPECT_EQ(
        setsockopt(far.get(), IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off)), 0);
  }
  bool IsCorked() const {
    int on = -1;
    socklen_t size = sizeof(on);
    EXPECT_EQ(getsockopt(near.get(), IPPROTO_TCP, TCP_CORK, &on, &size), 0);
    return on != 0;
  }
  OwnedFd near;
  OwnedFd far;
};

// With a buffer of 4096 bytes, which is much less than a segment.
class ByteFlowToTcpTest : public testing::Test {
 protected:
  void Send(size_t bytes) {
    const std::string data(bytes, 'x');
    ASSERT_EQ(send(source_.near.get(), data.data(), bytes, 0),
              static_cast<ssize_t>(bytes));
    flow_.SetReady(false, false);
  }
  ByteFlow::Result Run(size_t budget) {
    uint64_t moved = 0;
    int error = 0;
    char data[4096];
    const ByteFlow::Result result =
        flow_.Run(source_.far.get(), sink_.near.get(), {data, sizeof(data)},
                  &budget, &moved, &error);
    if (result == ByteFlow::Result::kIdle) flow_.Push(sink_.near.get());
    return result;
  }

  const Pair source_;
  const Connection sink_;
  ByteFlow flow_;
};

TEST_F(ByteFlowToTcpTest, FullPiecesDontEndInASmallSegment) {
  Send(8192);
  EXPECT_EQ(Run(4096), ByteFlow::Result::kMore);
  EXPECT_EQ(sink_.Unsent(), 4096);
  EXPECT_EQ(Run(4096), ByteFlow::Result::kMore);
  EXPECT_EQ(Run(4096), ByteFlow::Result::kIdle);
  EXPECT_EQ(sink_.Unsent(), 0);
}

TEST_F(ByteFlowToTcpTest, FullPiecesGoOutWhenNothingFollows) {
  Send(4096);
  EXPECT_EQ(Run(64 << 10), ByteFlow::Result::kIdle);
  EXPECT_EQ(sink_.Unsent(), 0);
  EXPECT_FALSE(sink_.IsCorked());
}

TEST_F(ByteFlowToTcpTest, FullPiecesGoOutBeforeLess) {
  Send(4096 + 1);
  EXPECT_EQ(Run(64 << 10), ByteFlow::Result::kIdle);
  EXPECT_EQ(sink_.Unsent(), 0);
}

// The program's own TCP_CORK.
TEST_F(ByteFlowToTcpTest, FullPiecesWaitWithTheProgramsCork) {
  sink_.Cork(1);
  Send(4096);
  EXPECT_EQ(Run(64 << 10), ByteFlow::Result::kIdle);
  EXPECT_EQ(sink_.Unsent(), 4096);
  EXPECT_TRUE(sink_.IsCorked());
  sink_.Cork(0);
  EXPECT_EQ(sink_.Unsent(), 0);
}

// Nagle's algorithm would hold the second.
TEST_F(ByteFlowToTcpTest, LargePiecesGoOutEach) {
  sink_.DelayAcknowledgements();
  for (int i = 0; i < 3; ++i) {
    Send(16 << 10);
    EXPECT_EQ(Run(64 << 10), ByteFlow::Result::kIdle);
    EXPECT_EQ(sink_.Unsent(), 0);
    Send(1000);
    EXPECT_EQ(Run(64 << 10), ByteFlow::Result::kIdle);
  }
  int no_delay = -1;
  socklen_t size = sizeof(no_delay);
  EXPECT_EQ(
      getsockopt(sink_.near.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size),
      0);
  EXPECT_EQ(no_delay, 0);
}

// Where the program wrote little, it is as if it had done so natively.
TEST_F(ByteFlowToTcpTest, SmallPiecesAreLeftToNaglesAlgorithm) {
  bool held = false;
  // One whose acknowledgement is delayed, which it is now and then.
  for (int i = 0; i < 100 && !held; ++i) {
    sink_.DelayAcknowledgements();
    for (int j = 0; j < 2; ++j) {
      Send(10);
      EXPECT_EQ(Run(64 << 10), ByteFlow::Result::kIdle);
    }
    held = sink_.Unsent() > 0;
  }
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace wspd
