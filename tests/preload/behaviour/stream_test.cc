// Bytes over a connection, by each of the calls that move them.
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <vector>

#include "tests/preload/behaviour/fixture.h"
#include "tests/testing/pattern.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::Pattern;
using testing::PatternError;
using testing::ThreadGroup;

class StreamTest : public ConnectionTest {
 protected:
  // "abcdef" waits to be received.
  void PeerSends(const std::string& data) {
    ASSERT_TRUE(SendAll(peer(), data));
    ASSERT_TRUE(WaitUntil([&] {
      int count = 0;
      return ioctl(ours(), FIONREAD, &count) == 0 &&
             count == static_cast<int>(data.size());
    })) << "FIONREAD never counts them";
  }
};
INSTANTIATE_FOR_CONNECTIONS(StreamTest);

TEST_P(StreamTest, SendAndRecv) {
  EXPECT_EQ(Call(send(ours(), "hello", 5, 0)), Gives(5));
  EXPECT_EQ(Receive(peer(), 5), "hello");
  PeerSends("answer");
  char buffer[16];
  EXPECT_EQ(Call(recv(ours(), buffer, sizeof(buffer), 0)), Gives(6));
  EXPECT_EQ(std::string(buffer, 6), "answer");
}

TEST_P(StreamTest, WriteAndRead) {
  EXPECT_EQ(Call(write(ours(), "hello", 5)), Gives(5));
  EXPECT_EQ(Receive(peer(), 5), "hello");
  PeerSends("answer");
  char buffer[16];
  EXPECT_EQ(Call(read(ours(), buffer, sizeof(buffer))), Gives(6));
  EXPECT_EQ(std::string(buffer, 6), "answer");
}

TEST_P(StreamTest, WritevAndReadv) {
  char one[] = "hel", two[] = "lo";
  const iovec out[] = {{one, 3}, {nullptr, 0}, {two, 2}};
  EXPECT_EQ(Call(writev(ours(), out, 3)), Gives(5));
  EXPECT_EQ(Receive(peer(), 5), "hello");
  PeerSends("answer");
  char first[4], second[8];
  const iovec in[] = {{first, sizeof(first)}, {second, sizeof(second)}};
  EXPECT_EQ(Call(readv(ours(), in, 2)), Gives(6));
  EXPECT_EQ(std::string(first, 4) + std::string(second, 2), "answer");
}

TEST_P(StreamTest, Pwritev2AndPreadv2) {
  char text[] = "hello";
  const iovec out = {text, 5};
  EXPECT_EQ(Call(pwritev2(ours(), &out, 1, -1, 0)), Gives(5));
  EXPECT_EQ(Receive(peer(), 5), "hello");
  char buffer[16];
  const iovec in = {buffer, sizeof(buffer)};
  EXPECT_EQ(Call(preadv2(ours(), &in, 1, -1, RWF_NOWAIT)), Fails(EAGAIN));
  PeerSends("answer");
  EXPECT_EQ(Call(preadv2(ours(), &in, 1, -1, 0)), Gives(6));
  EXPECT_EQ(std::string(buffer, 6), "answer");
  EXPECT_EQ(Call(preadv2(ours(), &in, 1, 0, 0)), Fails(ESPIPE));
}

// A stream has no addresses of single sends: one is ignored.
TEST_P(StreamTest, SendtoAndRecvfrom) {
  const SocketAddress elsewhere = SocketAddress::Loopback(family(), 1);
  EXPECT_EQ(
      Call(sendto(ours(), "hello", 5, 0, elsewhere.data(), elsewhere.size())),
      Gives(5));
  EXPECT_EQ(Receive(peer(), 5), "hello");
  PeerSends("answer");
  char buffer[16];
  SocketAddress from;
  EXPECT_EQ(Call(recvfrom(ours(), buffer, sizeof(buffer), 0, from.buffer(),
                          from.room())),
            Gives(6));
  EXPECT_EQ(std::string(buffer, 6), "answer");
  EXPECT_EQ(from.size(), 0u);
}

TEST_P(StreamTest, SendmsgAndRecvmsg) {
  char one[] = "hel", two[] = "lo";
  iovec out[] = {{one, 3}, {two, 2}};
  msghdr message = {};
  message.msg_iov = out;
  message.msg_iovlen = 2;
  EXPECT_EQ(Call(sendmsg(ours(), &message, 0)), Gives(5));
  EXPECT_EQ(Receive(peer(), 5), "hello");
  PeerSends("answer");
  char first[4], second[8], control[64];
  iovec in[] = {{first, sizeof(first)}, {second, sizeof(second)}};
  SocketAddress from;
  msghdr received = {};
  received.msg_name = from.buffer();
  received.msg_namelen = *from.room();
  received.msg_iov = in;
  received.msg_iovlen = 2;
  received.msg_control = control;
  received.msg_controllen = sizeof(control);
  received.msg_flags = MSG_TRUNC;
  EXPECT_EQ(Call(recvmsg(ours(), &received, 0)), Gives(6));
  EXPECT_EQ(std::string(first, 4) + std::string(second, 2), "answer");
  EXPECT_EQ(received.msg_namelen, 0u);
  EXPECT_EQ(received.msg_controllen, 0u);
  EXPECT_EQ(received.msg_flags, 0);
}

TEST_P(StreamTest, SendmmsgAndRecvmmsg) {
  char one[] = "hel", two[] = "lo";
  iovec parts[] = {{one, 3}, {two, 2}};
  mmsghdr messages[2] = {};
  for (int i = 0; i < 2; ++i) {
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  EXPECT_EQ(Call(sendmmsg(ours(), messages, 2, 0)), Gives(2));
  EXPECT_EQ(messages[0].msg_len, 3u);
  EXPECT_EQ(messages[1].msg_len, 2u);
  EXPECT_EQ(Receive(peer(), 5), "hello");
  PeerSends("answer");
  char buffers[2][4];
  iovec in[] = {{buffers[0], 4}, {buffers[1], 4}};
  for (int i = 0; i < 2; ++i) messages[i].msg_hdr.msg_iov = &in[i];
  EXPECT_EQ(Call(recvmmsg(ours(), messages, 2, MSG_DONTWAIT, nullptr)),
            Gives(2));
  EXPECT_EQ(std::string(buffers[0], 4) + std::string(buffers[1], 2), "answer");
  EXPECT_EQ(messages[1].msg_len, 2u);
}

// More than any buffer holds, in odd pieces, both ways at once.
TEST_P(StreamTest, MegabytesBothWays) {
  constexpr size_t kSize = 3'000'001;
  ThreadGroup threads;
  std::string ours_got, peer_got;
  threads.Start("send", [&] {
    const std::string data = Pattern(0, kSize, 1);
    size_t sent = 0;
    for (size_t piece = 1; sent < kSize; piece = piece * 3 % 100003 + 1) {
      const std::string part = data.substr(sent, piece);
      if (!SendAll(ours(), part)) return;
      sent += part.size();
    }
  });
  threads.Start("peer sends", [&] { SendAll(peer(), Pattern(0, kSize, 2)); });
  threads.Start("peer receives", [&] { peer_got = Receive(peer(), kSize); });
  ours_got = Receive(ours(), kSize);
  threads.JoinAll();
  EXPECT_EQ(ours_got.size(), kSize);
  EXPECT_EQ(peer_got.size(), kSize);
  EXPECT_EQ(PatternError(ours_got, 0, 2), "");
  EXPECT_EQ(PatternError(peer_got, 0, 1), "");
}

TEST_P(StreamTest, HasNoMessages) {
  PeerSends("abcdef");
  char buffer[16];
  EXPECT_EQ(Call(recv(ours(), buffer, 2, 0)), Gives(2));
  EXPECT_EQ(Call(recv(ours(), buffer + 2, sizeof(buffer) - 2, 0)), Gives(4));
  EXPECT_EQ(std::string(buffer, 6), "abcdef");
}

TEST_P(StreamTest, PeekLeavesTheBytes) {
  PeerSends("abcdef");
  char buffer[16];
  EXPECT_EQ(Call(recv(ours(), buffer, 3, MSG_PEEK)), Gives(3));
  EXPECT_EQ(Call(recv(ours(), buffer, 16, MSG_PEEK)), Gives(6));
  EXPECT_EQ(Call(recv(ours(), buffer, 16, 0)), Gives(6));
  EXPECT_EQ(std::string(buffer, 6), "abcdef");
  EXPECT_EQ(Call(recv(ours(), buffer, 16, MSG_PEEK | MSG_DONTWAIT)),
            Fails(EAGAIN));
}

TEST_P(StreamTest, WaitAllWaitsForAll) {
  PeerSends("abc");
  ThreadGroup threads;
  threads.Start("recv", [&] {
    char buffer[6];
    EXPECT_EQ(Call(recv(ours(), buffer, 6, MSG_WAITALL)), Gives(6));
    EXPECT_EQ(std::string(buffer, 6), "abcdef");
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(threads.ended(), 0);
  EXPECT_TRUE(SendAll(peer(), "def"));
}

TEST_P(StreamTest, WaitAllEndsWithTheStream) {
  EXPECT_TRUE(SendAll(peer(), "abc"));
  ClosePeer();
  char buffer[6];
  EXPECT_EQ(Call(recv(ours(), buffer, 6, MSG_WAITALL)), Gives(3));
}

// Linux: MSG_TRUNC throws the bytes of a stream away.
TEST_P(StreamTest, TruncDiscards) {
  PeerSends("abcdef");
  char buffer[16] = "untouched";
  EXPECT_EQ(Call(recv(ours(), buffer, 3, MSG_TRUNC)), Gives(3));
  EXPECT_STREQ(buffer, "untouched");
  EXPECT_EQ(Call(recv(ours(), buffer, 16, 0)), Gives(3));
  EXPECT_EQ(std::string(buffer, 3), "def");
}

TEST_P(StreamTest, DontWaitDoesNot) {
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, MSG_DONTWAIT)), Fails(EAGAIN));
}

TEST_P(StreamTest, NonBlockingReadDoesNotWait) {
  SetNonBlocking(ours());
  char byte;
  const iovec part = {&byte, 1};
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Fails(EAGAIN));
  EXPECT_EQ(Call(read(ours(), &byte, 1)), Fails(EAGAIN));
  EXPECT_EQ(Call(readv(ours(), &part, 1)), Fails(EAGAIN));
  SetNonBlocking(ours(), false);
  PeerSends("x");
  EXPECT_EQ(Call(read(ours(), &byte, 1)), Gives(1));
}

TEST_P(StreamTest, FionbioIsNonBlocking) {
  int on = 1;
  ASSERT_SUCCESS(ioctl(ours(), FIONBIO, &on));
  EXPECT_EQ(Call(fcntl(ours(), F_GETFL)), Gives(O_RDWR | O_NONBLOCK));
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Fails(EAGAIN));
  on = 0;
  ASSERT_SUCCESS(ioctl(ours(), FIONBIO, &on));
  EXPECT_EQ(Call(fcntl(ours(), F_GETFL)), Gives(O_RDWR));
}

TEST_P(StreamTest, MoreIsSentWithTheNext) {
  EXPECT_EQ(Call(send(ours(), "hel", 3, MSG_MORE)), Gives(3));
  EXPECT_EQ(Call(send(ours(), "lo", 2, 0)), Gives(2));
  EXPECT_EQ(Receive(peer(), 5), "hello");
}

// Linux: read() into no room doesn't wait, recv() does.
TEST_P(StreamTest, NothingIsNothing) {
  char byte = 0;
  EXPECT_EQ(Call(send(ours(), &byte, 0, 0)), Gives(0));
  EXPECT_EQ(Call(write(ours(), &byte, 0)), Gives(0));
  EXPECT_EQ(Call(read(ours(), &byte, 0)), Gives(0));
  EXPECT_EQ(Call(recv(ours(), &byte, 0, MSG_DONTWAIT)), Fails(EAGAIN));
  EXPECT_EQ(Call(send(ours(), "x", 1, 0)), Gives(1));
  EXPECT_EQ(Receive(peer(), 1), "x");
}

TEST_P(StreamTest, BytesFromNowhere) {
  void* const nowhere = Nowhere();
  EXPECT_EQ(Call(send(ours(), nowhere, 10, 0)), Fails(EFAULT));
  EXPECT_EQ(Call(write(ours(), nowhere, 10)), Fails(EFAULT));
  EXPECT_EQ(Call(sendmsg(ours(), static_cast<msghdr*>(nowhere), 0)),
            Fails(EFAULT));
  EXPECT_TRUE(Talk(ours(), peer()));
}

TEST_P(StreamTest, BytesToNowhereAreNotLost) {
  PeerSends("abc");
  void* const nowhere = Nowhere();
  EXPECT_EQ(Call(recv(ours(), nowhere, 10, 0)), Fails(EFAULT));
  EXPECT_EQ(Call(read(ours(), nowhere, 10)), Fails(EFAULT));
  EXPECT_EQ(Receive(ours(), 3), "abc");
}

TEST_P(StreamTest, TooManyParts) {
  std::vector<iovec> parts(IOV_MAX + 1);
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  EXPECT_EQ(Call(sendmsg(ours(), &message, 0)), Fails(EMSGSIZE));
  EXPECT_EQ(Call(recvmsg(ours(), &message, 0)), Fails(EMSGSIZE));
  EXPECT_EQ(Call(writev(ours(), parts.data(), IOV_MAX + 1)), Fails(EINVAL));
  EXPECT_EQ(Call(readv(ours(), parts.data(), IOV_MAX + 1)), Fails(EINVAL));
}

TEST_P(StreamTest, AsManyPartsAsThereMayBe) {
  const std::string data = Pattern(0, IOV_MAX);
  std::vector<iovec> parts;
  for (size_t i = 0; i < data.size(); ++i) {
    parts.push_back({const_cast<char*>(&data[i]), 1});
  }
  EXPECT_EQ(Call(writev(ours(), parts.data(), IOV_MAX)), Gives(IOV_MAX));
  EXPECT_EQ(Receive(peer(), IOV_MAX), data);
}

// Full: not writable, until the peer has read. Then all arrives.
TEST_P(StreamTest, FullUntilThePeerReads) {
  const size_t sent = Fill(ours(), peer());
  EXPECT_EQ(Readiness(ours(), POLLOUT), 0);
  char byte = 0;
  EXPECT_EQ(Call(send(ours(), &byte, 1, 0)), Fails(EAGAIN));
  EXPECT_EQ(Call(write(ours(), &byte, 1)), Fails(EAGAIN));
  const std::string received = Receive(peer(), sent);
  EXPECT_EQ(received.size(), sent);
  EXPECT_EQ(PatternError(received, 0), "");
  EXPECT_EQ(WaitFor(ours(), POLLOUT), POLLOUT);
}

TEST_P(StreamTest, BlockingSendWaitsForThePeer) {
  const size_t filled = Fill(ours(), peer());
  SetNonBlocking(ours(), false);
  ThreadGroup threads;
  threads.Start(
      "send", [&] { EXPECT_EQ(Call(send(ours(), "hello", 5, 0)), Gives(5)); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(threads.ended(), 0);
  EXPECT_EQ(Receive(peer(), filled + 5).substr(filled), "hello");
}

TEST_P(StreamTest, BlockingRecvWaitsForThePeer) {
  ThreadGroup threads;
  threads.Start("recv", [&] {
    char buffer[16];
    EXPECT_EQ(Call(recv(ours(), buffer, sizeof(buffer), 0)), Gives(5));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(threads.ended(), 0);
  EXPECT_TRUE(SendAll(peer(), "hello"));
}

TEST_P(StreamTest, RecvHasATimeout) {
  const timeval limit = {0, 50000};
  ASSERT_SUCCESS(
      setsockopt(ours(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
  const auto begin = Clock::now();
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Fails(EAGAIN));
  EXPECT_GE(Clock::now() - begin, milliseconds(40));
  EXPECT_EQ(Call(read(ours(), &byte, 1)), Fails(EAGAIN));
}

TEST_P(StreamTest, SendHasATimeout) {
  Fill(ours(), peer());
  SetNonBlocking(ours(), false);
  const timeval limit = {0, 50000};
  ASSERT_SUCCESS(
      setsockopt(ours(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
  char byte = 0;
  EXPECT_EQ(Call(send(ours(), &byte, 1, 0)), Fails(EAGAIN));
  EXPECT_EQ(Call(write(ours(), &byte, 1)), Fails(EAGAIN));
}

// Below SO_RCVLOWAT a socket isn't readable.
TEST_P(StreamTest, LowWaterMark) {
  SetOption(ours(), SOL_SOCKET, SO_RCVLOWAT, 4);
  EXPECT_TRUE(SendAll(peer(), "abc"));
  int count = 0;
  ASSERT_TRUE(WaitUntil(
      [&] { return ioctl(ours(), FIONREAD, &count) == 0 && count == 3; }));
  EXPECT_EQ(Readiness(ours(), POLLIN), 0);
  EXPECT_TRUE(SendAll(peer(), "d"));
  EXPECT_EQ(WaitFor(ours(), POLLIN), POLLIN);
}

TEST_P(StreamTest, FionreadCountsWhatWaits) {
  int count = -1;
  ASSERT_SUCCESS(ioctl(ours(), FIONREAD, &count));
  EXPECT_EQ(count, 0);
  PeerSends("abcdef");
  char buffer[4];
  EXPECT_EQ(Call(recv(ours(), buffer, 4, 0)), Gives(4));
  ASSERT_SUCCESS(ioctl(ours(), FIONREAD, &count));
  EXPECT_EQ(count, 2);
}

// What the peer's host hasn't acknowledged.
TEST_P(StreamTest, SiocoutqCountsWhatIsUnsent) {
  const size_t sent = Fill(ours(), peer());
  int count = -1;
  ASSERT_SUCCESS(ioctl(ours(), TIOCOUTQ, &count));
  EXPECT_GT(count, 0);
  Receive(peer(), sent);
  EXPECT_TRUE(WaitUntil([&] {
    return ioctl(ours(), TIOCOUTQ, &count) == 0 && count == 0;
  })) << count;
}

// Each direction by itself.
TEST_P(StreamTest, FullOneWayStillReceives) {
  Fill(ours(), peer());
  PeerSends("abc");
  EXPECT_EQ(Receive(ours(), 3), "abc");
}

// Threads in both directions of one socket at once, without a wait for each
// other.
TEST_P(StreamTest, ThreadsReadAndWriteAtOnce) {
  constexpr int kRounds = 500;
  ThreadGroup threads;
  threads.Start("echo", [&] {
    for (int i = 0; i < kRounds; ++i) {
      if (!SendAll(peer(), Receive(peer(), 10))) return;
    }
  });
  threads.Start("write", [&] {
    for (int i = 0; i < kRounds; ++i) {
      if (!SendAll(ours(), Pattern(i * 10, 10))) return;
    }
  });
  EXPECT_EQ(PatternError(Receive(ours(), kRounds * 10), 0), "");
  threads.JoinAll();
}

}  // namespace
}  // namespace wspd::preload
