// How a connection ends: in order, half, by reset; and what calls say then.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/fixture.h"
#include "tests/testing/pattern.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::PatternError;
using testing::ThreadGroup;

class EndingTest : public ConnectionTest {
 protected:
  void SetUp() override {
    ConnectionTest::SetUp();
    signal(SIGPIPE, SIG_IGN);
  }
  void ResetPeer() {
    Reset(&connection_.peer);
    ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  }
  void WaitForBytes(int count) const {
    int waiting = 0;
    ASSERT_TRUE(WaitUntil([&] {
      return ioctl(ours(), FIONREAD, &waiting) == 0 && waiting == count;
    })) << waiting;
  }
};
INSTANTIATE_FOR_CONNECTIONS(EndingTest);

TEST_P(EndingTest, PeersCloseIsTheEndOfTheStream) {
  ClosePeer();
  EXPECT_EQ(WaitFor(ours(), POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
  char byte;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Gives(0));
    EXPECT_EQ(Call(read(ours(), &byte, 1)), Gives(0));
  }
}

TEST_P(EndingTest, DataComesBeforeTheEnd) {
  EXPECT_TRUE(SendAll(peer(), "last words"));
  ClosePeer();
  EXPECT_EQ(ReceiveToEnd(ours()), "last words");
}

TEST_P(EndingTest, PeersHalfCloseLeavesOurDirection) {
  ASSERT_SUCCESS(shutdown(peer(), SHUT_WR));
  EXPECT_TRUE(Ends(ours()));
  EXPECT_EQ(Readiness(ours(), POLLOUT | POLLHUP), POLLOUT);
  EXPECT_TRUE(SendAll(ours(), "still here"));
  EXPECT_EQ(Receive(peer(), 10), "still here");
}

TEST_P(EndingTest, ShutdownOfSendingIsTheEndForThePeer) {
  EXPECT_TRUE(SendAll(ours(), "last words"));
  ASSERT_SUCCESS(shutdown(ours(), SHUT_WR));
  EXPECT_EQ(ReceiveToEnd(peer()), "last words");
  EXPECT_TRUE(SendAll(peer(), "answer"));
  EXPECT_EQ(Receive(ours(), 6), "answer");
}

TEST_P(EndingTest, SendingAfterShutdownIsEpipe) {
  ASSERT_SUCCESS(shutdown(ours(), SHUT_WR));
  char byte = 0;
  const iovec part = {&byte, 1};
  EXPECT_EQ(Call(send(ours(), &byte, 1, 0)), Fails(EPIPE));
  EXPECT_EQ(Call(write(ours(), &byte, 1)), Fails(EPIPE));
  EXPECT_EQ(Call(writev(ours(), &part, 1)), Fails(EPIPE));
}

TEST_P(EndingTest, ShutdownOfReceivingIsAnEndHere) {
  ASSERT_SUCCESS(shutdown(ours(), SHUT_RD));
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Gives(0));
  EXPECT_TRUE(SendAll(ours(), "sends"));
  EXPECT_EQ(Receive(peer(), 5), "sends");
}

TEST_P(EndingTest, ShutdownOfReceivingWakesWaitingCalls) {
  ThreadGroup threads;
  threads.Start("recv", [&] {
    char byte;
    EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Gives(0));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_SUCCESS(shutdown(ours(), SHUT_RD));
}

TEST_P(EndingTest, ShutdownOfBoth) {
  ASSERT_SUCCESS(shutdown(ours(), SHUT_RDWR));
  EXPECT_EQ(Readiness(ours(), POLLIN | POLLOUT | POLLRDHUP),
            POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
  char byte = 0;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Gives(0));
  EXPECT_EQ(Call(send(ours(), &byte, 1, 0)), Fails(EPIPE));
  EXPECT_TRUE(Ends(peer()));
}

TEST_P(EndingTest, ShutdownTwice) {
  EXPECT_EQ(Call(shutdown(ours(), SHUT_WR)), Gives(0));
  EXPECT_EQ(Call(shutdown(ours(), SHUT_WR)), Gives(0));
  EXPECT_EQ(Call(shutdown(ours(), SHUT_RD)), Gives(0));
}

TEST_P(EndingTest, ShutdownOfNothing) {
  EXPECT_EQ(Call(shutdown(ours(), 3)), Fails(EINVAL));
  EXPECT_TRUE(Talk(ours(), peer()));
}

// Hang-up: both directions are at their end.
TEST_P(EndingTest, BothEndsMakeAHangUp) {
  ASSERT_SUCCESS(shutdown(ours(), SHUT_WR));
  EXPECT_TRUE(Ends(peer()));
  EXPECT_EQ(Readiness(ours(), POLLIN | POLLHUP), 0);
  ASSERT_SUCCESS(shutdown(peer(), SHUT_WR));
  EXPECT_TRUE(WaitUntil([&] { return Readiness(ours(), 0) == POLLHUP; }));
}

TEST_P(EndingTest, WaitingRecvIsToldOfTheEnd) {
  ThreadGroup threads;
  threads.Start("recv", [&] {
    char byte;
    EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Gives(0));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ClosePeer();
}

TEST_P(EndingTest, WaitingRecvIsToldOfAReset) {
  ThreadGroup threads;
  threads.Start("recv", [&] {
    char byte;
    EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Fails(ECONNRESET));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  Reset(&connection_.peer);
}

TEST_P(EndingTest, WaitingReadIsToldOfAReset) {
  ThreadGroup threads;
  threads.Start("read", [&] {
    char byte;
    EXPECT_EQ(Call(read(ours(), &byte, 1)), Fails(ECONNRESET));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  Reset(&connection_.peer);
}

TEST_P(EndingTest, WaitingSendIsToldOfAReset) {
  Fill(ours(), peer());
  SetNonBlocking(ours(), false);
  ThreadGroup threads;
  threads.Start("send", [&] {
    char byte = 0;
    EXPECT_EQ(Call(send(ours(), &byte, 1, 0)), Fails(ECONNRESET));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  Reset(&connection_.peer);
}

// Told once, then it's an end.
TEST_P(EndingTest, ResetIsToldOnceByRecv) {
  ResetPeer();
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Fails(ECONNRESET));
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Gives(0));
}

TEST_P(EndingTest, ResetIsToldOnceByRead) {
  ResetPeer();
  char byte;
  EXPECT_EQ(Call(read(ours(), &byte, 1)), Fails(ECONNRESET));
  EXPECT_EQ(Call(read(ours(), &byte, 1)), Gives(0));
}

TEST_P(EndingTest, ResetIsToldByReadv) {
  ResetPeer();
  char byte;
  const iovec part = {&byte, 1};
  EXPECT_EQ(Call(readv(ours(), &part, 1)), Fails(ECONNRESET));
}

TEST_P(EndingTest, ResetIsToldByRecvmsg) {
  ResetPeer();
  char byte;
  iovec part = {&byte, 1};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  EXPECT_EQ(Call(recvmsg(ours(), &message, 0)), Fails(ECONNRESET));
}

TEST_P(EndingTest, ResetIsToldOnceBySend) {
  ResetPeer();
  char byte = 0;
  EXPECT_EQ(Call(send(ours(), &byte, 1, 0)), Fails(ECONNRESET));
  EXPECT_EQ(Call(send(ours(), &byte, 1, 0)), Fails(EPIPE));
}

TEST_P(EndingTest, ResetIsToldOnceByWrite) {
  ResetPeer();
  char byte = 0;
  EXPECT_EQ(Call(write(ours(), &byte, 1)), Fails(ECONNRESET));
  EXPECT_EQ(Call(write(ours(), &byte, 1)), Fails(EPIPE));
}

TEST_P(EndingTest, ResetIsToldOnceByTheOption) {
  ResetPeer();
  EXPECT_EQ(GetOption(ours(), SOL_SOCKET, SO_ERROR), ECONNRESET);
  EXPECT_EQ(GetOption(ours(), SOL_SOCKET, SO_ERROR), 0);
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Gives(0));
}

TEST_P(EndingTest, ResetIsAnErrorToPoll) {
  ResetPeer();
  EXPECT_EQ(Readiness(ours(), POLLIN | POLLOUT | POLLRDHUP),
            POLLIN | POLLOUT | POLLRDHUP | POLLERR | POLLHUP);
}

TEST_P(EndingTest, ResetLeavesNoRemoteName) {
  ResetPeer();
  SocketAddress remote;
  EXPECT_EQ(Call(getpeername(ours(), remote.buffer(), remote.room())),
            Fails(ENOTCONN));
  EXPECT_EQ(Call(shutdown(ours(), SHUT_WR)), Fails(ENOTCONN));
}

// What came before it can be received first.
TEST_P(EndingTest, ResetLeavesWhatCameBefore) {
  EXPECT_TRUE(SendAll(peer(), "last words"));
  WaitForBytes(10);
  Reset(&connection_.peer);
  ASSERT_TRUE(WaitUntil([&] { return (Readiness(ours(), 0) & POLLERR) != 0; }));
  char buffer[16];
  EXPECT_EQ(Call(recv(ours(), buffer, sizeof(buffer), 0)), Gives(10));
  EXPECT_EQ(Call(recv(ours(), buffer, sizeof(buffer), 0)), Fails(ECONNRESET));
}

// To a peer that has closed: the first send provokes a reset.
TEST_P(EndingTest, SendingToAPeerThatClosed) {
  ClosePeer();
  EXPECT_TRUE(Ends(ours()));
  char byte = 0;
  EXPECT_EQ(Call(send(ours(), &byte, 1, 0)), Gives(1));
  ASSERT_TRUE(WaitUntil([&] { return (Readiness(ours(), 0) & POLLERR) != 0; }));
  EXPECT_EQ(Call(send(ours(), &byte, 1, 0)), Fails(EPIPE));
}

TEST_P(EndingTest, OurCloseIsOrderly) {
  EXPECT_TRUE(SendAll(ours(), "last words"));
  CloseOurs();
  EXPECT_EQ(ReceiveToEnd(peer()), "last words");
}

TEST_P(EndingTest, OurCloseDeliversMegabytes) {
  const size_t sent = SendUntilFull(ours());
  CloseOurs();
  const std::string received = ReceiveToEnd(peer());
  EXPECT_EQ(received.size(), sent);
  EXPECT_EQ(PatternError(received, 0), "");
}

// SO_LINGER of zero: a reset.
TEST_P(EndingTest, OurAbortIsAReset) {
  Reset(&connection_.ours);
  EXPECT_TRUE(IsReset(peer()));
}

// TCP's rule: bytes that nobody will read make a reset.
TEST_P(EndingTest, OurCloseWithUnreadBytesIsAReset) {
  EXPECT_TRUE(SendAll(peer(), "unread"));
  WaitForBytes(6);
  CloseOurs();
  EXPECT_TRUE(IsReset(peer()));
}

// With SO_LINGER close() waits, here until the peer has read.
TEST_P(EndingTest, LingeringCloseWaits) {
  const size_t sent = Fill(ours(), peer());
  SetNonBlocking(ours(), false);
  const linger wait = {1, 60};
  ASSERT_SUCCESS(
      setsockopt(ours(), SOL_SOCKET, SO_LINGER, &wait, sizeof(wait)));
  ThreadGroup threads;
  threads.Start("close", [&] { CloseOurs(); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(threads.ended(), 0);
  EXPECT_EQ(ReceiveToEnd(peer()).size(), sent);
}

TEST_P(EndingTest, LingeringCloseOfAnEmptySocketIsQuick) {
  const linger wait = {1, 60};
  ASSERT_SUCCESS(
      setsockopt(ours(), SOL_SOCKET, SO_LINGER, &wait, sizeof(wait)));
  EXPECT_TRUE(Talk(ours(), peer()));
  // FIN and its acknowledgement are all that it waits for.
  const auto begin = Clock::now();
  CloseOurs();
  EXPECT_LT(Clock::now() - begin, kDeadline);
  EXPECT_TRUE(Ends(peer()));
}

TEST_P(EndingTest, StateAfterOurHalfClose) {
  ASSERT_SUCCESS(shutdown(ours(), SHUT_WR));
  tcp_info info = {};
  ASSERT_TRUE(WaitUntil([&] {
    socklen_t size = sizeof(info);
    return getsockopt(ours(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_state == TCP_FIN_WAIT2;
  })) << int{info.tcpi_state};
}

// A call that waits keeps the connection, though its descriptor is gone.
TEST_P(EndingTest, CloseBesideAWaitingRecv) {
  ThreadGroup threads;
  threads.Start("recv", [&] {
    char byte;
    EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Gives(1));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  const int number = ReleaseOurs();
  connection_.ours = OwnedFd();
  EXPECT_SUCCESS(close(number));
  EXPECT_TRUE(SendAll(peer(), "x"));
  threads.JoinAll();
  EXPECT_TRUE(Ends(peer()));
}

class SigpipeTest : public ConnectionTest {};
INSTANTIATE_FOR_CONNECTIONS(SigpipeTest);

volatile sig_atomic_t sigpipes = 0;

void CountSigpipe(int) { sigpipes = sigpipes + 1; }

TEST_P(SigpipeTest, KillsByDefault) {
  Child child([&] {
    signal(SIGPIPE, SIG_DFL);
    shutdown(ours(), SHUT_WR);
    send(ours(), "x", 1, 0);
  });
  const int status = child.Wait();
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGPIPE);
}

TEST_P(SigpipeTest, IsRaisedByEachCall) {
  signal(SIGPIPE, CountSigpipe);
  ASSERT_SUCCESS(shutdown(ours(), SHUT_WR));
  char byte = 0;
  iovec part = {&byte, 1};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  EXPECT_EQ(Call(send(ours(), &byte, 1, 0)), Fails(EPIPE));
  EXPECT_EQ(sigpipes, 1);
  EXPECT_EQ(Call(write(ours(), &byte, 1)), Fails(EPIPE));
  EXPECT_EQ(sigpipes, 2);
  EXPECT_EQ(Call(writev(ours(), &part, 1)), Fails(EPIPE));
  EXPECT_EQ(sigpipes, 3);
  EXPECT_EQ(Call(sendmsg(ours(), &message, 0)), Fails(EPIPE));
  EXPECT_EQ(sigpipes, 4);
}

TEST_P(SigpipeTest, IsNotRaisedIfUnwanted) {
  signal(SIGPIPE, CountSigpipe);
  ASSERT_SUCCESS(shutdown(ours(), SHUT_WR));
  char byte = 0;
  iovec part = {&byte, 1};
  mmsghdr message = {};
  message.msg_hdr.msg_iov = &part;
  message.msg_hdr.msg_iovlen = 1;
  EXPECT_EQ(Call(send(ours(), &byte, 1, MSG_NOSIGNAL)), Fails(EPIPE));
  EXPECT_EQ(Call(sendmsg(ours(), &message.msg_hdr, MSG_NOSIGNAL)),
            Fails(EPIPE));
  EXPECT_EQ(Call(sendmmsg(ours(), &message, 1, MSG_NOSIGNAL)), Fails(EPIPE));
  EXPECT_EQ(sigpipes, 0);
}

// It goes to the thread that called.
TEST_P(SigpipeTest, IsTheCallingThreads) {
  signal(SIGPIPE, CountSigpipe);
  ASSERT_SUCCESS(shutdown(ours(), SHUT_WR));
  ThreadGroup threads;
  threads.Start("send", [&] {
    sigset_t pipe_only, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, nullptr);
    EXPECT_EQ(Call(send(ours(), "x", 1, 0)), Fails(EPIPE));
    sigpending(&pending);
    EXPECT_EQ(sigismember(&pending, SIGPIPE), 1);
    const timespec none = {};
    EXPECT_EQ(sigtimedwait(&pipe_only, nullptr, &none), SIGPIPE);
  });
  threads.JoinAll();
  EXPECT_EQ(sigpipes, 0);
}

// By an error that isn't EPIPE none is raised.
TEST_P(SigpipeTest, IsNotForResets) {
  signal(SIGPIPE, CountSigpipe);
  Reset(&connection_.peer);
  ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  EXPECT_EQ(Call(send(ours(), "x", 1, 0)), Fails(ECONNRESET));
  EXPECT_EQ(sigpipes, 0);
}

}  // namespace
}  // namespace wspd::preload
