// What programs built with _FORTIFY_SOURCE or large-file support call instead.
// The tests themselves are built without, so they name the functions.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include <functional>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/fixture.h"

extern "C" {
// NOLINTBEGIN: glibc's names.
ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t room,
                       int flags, sockaddr* from, socklen_t* from_size);
ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room);
ssize_t __pread_chk(int fd, void* buffer, size_t size, off_t offset,
                    size_t room);
int __poll_chk(pollfd* watched, nfds_t count, int timeout, size_t room);
int __ppoll_chk(pollfd* watched, nfds_t count, const timespec* timeout,
                const sigset_t* mask, size_t room);
long __fdelt_chk(long fd);
int __dprintf_chk(int fd, int flag, const char* format, ...);
char* __fgets_chk(char* buffer, size_t room, int size, FILE* stream);
size_t __fread_chk(void* buffer, size_t room, size_t size, size_t count,
                   FILE* stream);
// NOLINTEND
}

namespace wspd::preload {
namespace {

class FortifiedTest : public ConnectionTest {
 protected:
  void SetUp() override {
    ConnectionTest::SetUp();
    ASSERT_TRUE(SendAll(peer(), "abc"));
    ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  }
  char buffer_[16] = {};
};
INSTANTIATE_FOR_CONNECTIONS(FortifiedTest);

// What runs over its buffer is ended.
void ExpectAbort(const std::function<void()>& overflow) {
  Child child([&] {
    fclose(stderr);  // where it says so
    signal(SIGABRT, SIG_DFL);
    overflow();
  });
  const int status = child.Wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << status;
}

TEST_P(FortifiedTest, Recv) {
  EXPECT_EQ(Call(__recv_chk(ours(), buffer_, 8, sizeof(buffer_), MSG_PEEK)),
            Gives(3));
  EXPECT_EQ(Call(__recv_chk(ours(), buffer_, 8, sizeof(buffer_), 0)), Gives(3));
  EXPECT_EQ(Call(__recv_chk(ours(), buffer_, 8, 16, MSG_DONTWAIT)),
            Fails(EAGAIN));
}

TEST_P(FortifiedTest, RecvOverflow) {
  ExpectAbort([&] { __recv_chk(ours(), buffer_, 17, sizeof(buffer_), 0); });
}

TEST_P(FortifiedTest, Recvfrom) {
  SocketAddress from;
  EXPECT_EQ(Call(__recvfrom_chk(ours(), buffer_, 8, sizeof(buffer_), 0,
                                from.buffer(), from.room())),
            Gives(3));
  EXPECT_STREQ(buffer_, "abc");
}

TEST_P(FortifiedTest, RecvfromOverflow) {
  ExpectAbort([&] {
    __recvfrom_chk(ours(), buffer_, 17, sizeof(buffer_), 0, nullptr, nullptr);
  });
}

TEST_P(FortifiedTest, Read) {
  EXPECT_EQ(Call(__read_chk(ours(), buffer_, 8, sizeof(buffer_))), Gives(3));
  EXPECT_STREQ(buffer_, "abc");
}

TEST_P(FortifiedTest, ReadOverflow) {
  ExpectAbort([&] { __read_chk(ours(), buffer_, 17, sizeof(buffer_)); });
}

TEST_P(FortifiedTest, ReadOfAReset) {
  Reset(&connection_.peer);
  ASSERT_TRUE(WaitUntil([&] { return (Readiness(ours(), 0) & POLLERR) != 0; }));
  EXPECT_EQ(Call(__read_chk(ours(), buffer_, 8, sizeof(buffer_))), Gives(3));
  EXPECT_EQ(Call(__read_chk(ours(), buffer_, 8, sizeof(buffer_))),
            Fails(ECONNRESET));
}

TEST_P(FortifiedTest, Pread) {
  EXPECT_EQ(Call(__pread_chk(ours(), buffer_, 8, 0, sizeof(buffer_))),
            Fails(ESPIPE));
}

TEST_P(FortifiedTest, Poll) {
  pollfd watched = {ours(), POLLIN | POLLOUT, 0};
  EXPECT_EQ(__poll_chk(&watched, 1, 0, sizeof(watched)), 1);
  EXPECT_EQ(watched.revents, POLLIN | POLLOUT);
  ExpectAbort([&] { __poll_chk(&watched, 2, 0, sizeof(watched)); });
}

TEST_P(FortifiedTest, Ppoll) {
  pollfd watched = {ours(), POLLIN | POLLOUT, 0};
  const timespec none = {};
  EXPECT_EQ(__ppoll_chk(&watched, 1, &none, nullptr, sizeof(watched)), 1);
  EXPECT_EQ(watched.revents, POLLIN | POLLOUT);
  ExpectAbort(
      [&] { __ppoll_chk(&watched, 2, &none, nullptr, sizeof(watched)); });
}

TEST_P(FortifiedTest, Fdelt) {
  EXPECT_EQ(__fdelt_chk(ours()), ours() / 64);
  ExpectAbort([] { __fdelt_chk(1024); });
}

TEST_P(FortifiedTest, Dprintf) {
  EXPECT_EQ(__dprintf_chk(ours(), 1, "%d", 42), 2);
  EXPECT_EQ(Receive(peer(), 2), "42");
}

TEST_P(FortifiedTest, Streams) {
  FILE* const stream = fdopen(ReleaseOurs(), "r");
  ASSERT_NE(stream, nullptr);
  ASSERT_TRUE(SendAll(peer(), "\nmore"));
  EXPECT_EQ(__fgets_chk(buffer_, sizeof(buffer_), 8, stream), buffer_);
  EXPECT_STREQ(buffer_, "abc\n");
  EXPECT_EQ(__fread_chk(buffer_, sizeof(buffer_), 1, 4, stream), 4u);
  EXPECT_EQ(std::string(buffer_, 4), "more");
  fclose(stream);
}

TEST_P(FortifiedTest, Fcntl64) {
  EXPECT_EQ(Call(fcntl64(ours(), F_SETFL, O_NONBLOCK)), Gives(0));
  EXPECT_EQ(Call(fcntl64(ours(), F_GETFL)), Gives(O_RDWR | O_NONBLOCK));
  const OwnedFd duplicate(fcntl64(ours(), F_DUPFD_CLOEXEC, 200));
  EXPECT_GE(duplicate.get(), 200);
  EXPECT_EQ(Receive(duplicate.get(), 3), "abc");
}

TEST_P(FortifiedTest, Lseek64) {
  EXPECT_EQ(Call(lseek64(ours(), 0, SEEK_CUR)), Fails(ESPIPE));
}

}  // namespace
}  // namespace wspd::preload
