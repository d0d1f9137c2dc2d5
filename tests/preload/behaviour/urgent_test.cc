// TCP's urgent data as Linux has it: one byte, out of band or in line.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "tests/preload/behaviour/fixture.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

class UrgentTest : public ConnectionTest {
 protected:
  // "ab", '!' urgent, "cd"; and waits until all is here.
  void PeerSends() {
    ASSERT_EQ(Call(send(peer(), "ab", 2, 0)), Gives(2));
    ASSERT_EQ(Call(send(peer(), "!", 1, MSG_OOB)), Gives(1));
    ASSERT_EQ(Call(send(peer(), "cd", 2, 0)), Gives(2));
    ASSERT_NE(WaitFor(ours(), POLLPRI), 0);
    ASSERT_TRUE(WaitUntil([&] {
      char buffer[8];
      return recv(ours(), buffer, sizeof(buffer), MSG_PEEK | MSG_DONTWAIT) > 0;
    }));
  }
  int AtMark() const {
    int at = -1;
    EXPECT_SUCCESS(ioctl(ours(), SIOCATMARK, &at));
    return at;
  }
};
INSTANTIATE_FOR_CONNECTIONS(UrgentTest);

TEST_P(UrgentTest, PeerGetsOurs) {
  EXPECT_EQ(Call(send(ours(), "ab", 2, 0)), Gives(2));
  EXPECT_EQ(Call(send(ours(), "!", 1, MSG_OOB)), Gives(1));
  EXPECT_EQ(Call(send(ours(), "cd", 2, 0)), Gives(2));
  ASSERT_NE(WaitFor(peer(), POLLPRI), 0);
  char byte = 0;
  EXPECT_EQ(Call(recv(peer(), &byte, 1, MSG_OOB)), Gives(1));
  EXPECT_EQ(byte, '!');
  EXPECT_EQ(Receive(peer(), 4), "abcd");
}

// Of several bytes the last is the urgent one.
TEST_P(UrgentTest, LastByteIsTheUrgentOne) {
  EXPECT_EQ(Call(send(ours(), "ab!", 3, MSG_OOB)), Gives(3));
  ASSERT_NE(WaitFor(peer(), POLLPRI), 0);
  char byte = 0;
  EXPECT_EQ(Call(recv(peer(), &byte, 1, MSG_OOB)), Gives(1));
  EXPECT_EQ(byte, '!');
  EXPECT_EQ(Receive(peer(), 2), "ab");
}

TEST_P(UrgentTest, SentByEachCall) {
  char byte = '!';
  iovec part = {&byte, 1};
  mmsghdr message = {};
  message.msg_hdr.msg_iov = &part;
  message.msg_hdr.msg_iovlen = 1;
  char got = 0;
  EXPECT_EQ(Call(sendto(ours(), &byte, 1, MSG_OOB, nullptr, 0)), Gives(1));
  ASSERT_NE(WaitFor(peer(), POLLPRI), 0);
  EXPECT_EQ(Call(recv(peer(), &got, 1, MSG_OOB)), Gives(1));
  EXPECT_EQ(Call(sendmsg(ours(), &message.msg_hdr, MSG_OOB)), Gives(1));
  ASSERT_NE(WaitFor(peer(), POLLPRI), 0);
  EXPECT_EQ(Call(recv(peer(), &got, 1, MSG_OOB)), Gives(1));
}

TEST_P(UrgentTest, IsReceivedOutOfBand) {
  PeerSends();
  char byte = 0;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, MSG_OOB)), Gives(1));
  EXPECT_EQ(byte, '!');
}

TEST_P(UrgentTest, IsReceivedOutOfBandByRecvmsg) {
  PeerSends();
  char byte = 0;
  iovec part = {&byte, 1};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  EXPECT_EQ(Call(recvmsg(ours(), &message, MSG_OOB)), Gives(1));
  EXPECT_EQ(byte, '!');
  EXPECT_EQ(message.msg_flags & MSG_OOB, MSG_OOB);
}

TEST_P(UrgentTest, IsReceivedOnce) {
  PeerSends();
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, MSG_OOB | MSG_PEEK)), Gives(1));
  EXPECT_EQ(Call(recv(ours(), &byte, 1, MSG_OOB)), Gives(1));
  EXPECT_EQ(Call(recv(ours(), &byte, 1, MSG_OOB)), Fails(EINVAL));
}

TEST_P(UrgentTest, NoneIsEinval) {
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, MSG_OOB)), Fails(EINVAL));
}

// A receive ends before the mark, whatever its room.
TEST_P(UrgentTest, ReceivingStopsAtTheMark) {
  PeerSends();
  EXPECT_EQ(AtMark(), 0);
  char buffer[16];
  EXPECT_EQ(Call(recv(ours(), buffer, sizeof(buffer), 0)), Gives(2));
  EXPECT_EQ(std::string(buffer, 2), "ab");
  EXPECT_EQ(AtMark(), 1);
  EXPECT_EQ(Receive(ours(), 2), "cd");
  EXPECT_EQ(AtMark(), 0);
}

TEST_P(UrgentTest, ReadingStopsAtTheMark) {
  PeerSends();
  char buffer[16];
  EXPECT_EQ(Call(read(ours(), buffer, sizeof(buffer))), Gives(2));
  EXPECT_EQ(std::string(buffer, 2), "ab");
  EXPECT_EQ(AtMark(), 1);
}

TEST_P(UrgentTest, InLineItIsOneOfTheBytes) {
  SetOption(ours(), SOL_SOCKET, SO_OOBINLINE, 1);
  PeerSends();
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, MSG_OOB)), Fails(EINVAL));
  char buffer[16];
  EXPECT_EQ(Call(recv(ours(), buffer, sizeof(buffer), 0)), Gives(2));
  EXPECT_EQ(AtMark(), 1);
  EXPECT_EQ(Receive(ours(), 3), "!cd");
}

// poll() says so until it is read or passed.
TEST_P(UrgentTest, IsOfPriorityUntilRead) {
  PeerSends();
  EXPECT_EQ(Readiness(ours(), POLLPRI), POLLPRI);
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, MSG_OOB)), Gives(1));
  EXPECT_EQ(Readiness(ours(), POLLPRI), 0);
}

TEST_P(UrgentTest, IsOfPriorityUntilPassed) {
  PeerSends();
  EXPECT_EQ(Receive(ours(), 2), "ab");
  EXPECT_EQ(Readiness(ours(), POLLPRI), POLLPRI);
  EXPECT_EQ(Receive(ours(), 2), "cd");
  EXPECT_EQ(Readiness(ours(), POLLPRI), 0);
}

volatile sig_atomic_t sigurgs = 0;
void CountSigurg(int) { sigurgs = sigurgs + 1; }

TEST_P(UrgentTest, SigurgGoesToTheOwner) {
  signal(SIGURG, CountSigurg);
  ASSERT_SUCCESS(fcntl(ours(), F_SETOWN, getpid()));
  const int before = sigurgs;
  EXPECT_EQ(Call(send(peer(), "!", 1, MSG_OOB)), Gives(1));
  EXPECT_TRUE(WaitUntil([&] { return sigurgs > before; }));
}

TEST_P(UrgentTest, NoOwnerNoSigurg) {
  signal(SIGURG, CountSigurg);
  EXPECT_EQ(Call(fcntl(ours(), F_GETOWN)), Gives(0));
  EXPECT_EQ(Call(send(peer(), "!", 1, MSG_OOB)), Gives(1));
  ASSERT_NE(WaitFor(ours(), POLLPRI), 0);
  EXPECT_EQ(sigurgs, 0);
}

TEST_P(UrgentTest, OwnerByIoctl) {
  const int own = getpid();
  ASSERT_SUCCESS(ioctl(ours(), FIOSETOWN, &own));
  int owner = 0;
  ASSERT_SUCCESS(ioctl(ours(), FIOGETOWN, &owner));
  EXPECT_EQ(owner, own);
  EXPECT_EQ(Call(fcntl(ours(), F_GETOWN)), Gives(own));
}

}  // namespace
}  // namespace wspd::preload
