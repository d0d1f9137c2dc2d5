// sendfile(), splice() and their kin between sockets, files and pipes.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>

#include "tests/preload/behaviour/fixture.h"
#include "tests/testing/pattern.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::Pattern;
using testing::PatternError;
using testing::ThreadGroup;

class FileTransferTest : public ConnectionTest {
 protected:
  static OwnedFd File(const std::string& content) {
    OwnedFd file(memfd_create("file", 0));
    EXPECT_EQ(Call(write(file.get(), content.data(), content.size())),
              Gives(content.size()));
    EXPECT_SUCCESS(lseek(file.get(), 0, SEEK_SET));
    return file;
  }
  void SetUp() override {
    ConnectionTest::SetUp();
    int ends[2];
    ASSERT_SUCCESS(pipe(ends));
    pipe_out_ = OwnedFd(ends[0]);
    pipe_in_ = OwnedFd(ends[1]);
  }

  OwnedFd pipe_out_;
  OwnedFd pipe_in_;
};
INSTANTIATE_FOR_CONNECTIONS(FileTransferTest);

TEST_P(FileTransferTest, SendfileFromTheFilesPosition) {
  const OwnedFd file = File("0123456789");
  ASSERT_SUCCESS(lseek(file.get(), 2, SEEK_SET));
  EXPECT_EQ(Call(sendfile(ours(), file.get(), nullptr, 5)), Gives(5));
  EXPECT_EQ(Receive(peer(), 5), "23456");
  EXPECT_EQ(Call(lseek(file.get(), 0, SEEK_CUR)), Gives(7));
}

TEST_P(FileTransferTest, SendfileFromAnOffset) {
  const OwnedFd file = File("0123456789");
  off_t offset = 3;
  EXPECT_EQ(Call(sendfile(ours(), file.get(), &offset, 4)), Gives(4));
  EXPECT_EQ(offset, 7);
  EXPECT_EQ(Receive(peer(), 4), "3456");
  EXPECT_EQ(Call(lseek(file.get(), 0, SEEK_CUR)), Gives(0));
}

TEST_P(FileTransferTest, Sendfile64FromAnOffset) {
  const OwnedFd file = File("0123456789");
  off64_t offset = 3;
  EXPECT_EQ(Call(sendfile64(ours(), file.get(), &offset, 4)), Gives(4));
  EXPECT_EQ(offset, 7);
  EXPECT_EQ(Receive(peer(), 4), "3456");
}

TEST_P(FileTransferTest, SendfileEndsWithTheFile) {
  const OwnedFd file = File("0123");
  EXPECT_EQ(Call(sendfile(ours(), file.get(), nullptr, 100)), Gives(4));
  EXPECT_EQ(Call(sendfile(ours(), file.get(), nullptr, 100)), Gives(0));
  EXPECT_EQ(Receive(peer(), 4), "0123");
}

TEST_P(FileTransferTest, SendfileOfMegabytes) {
  constexpr size_t kSize = 2'000'003;
  const OwnedFd file = File(Pattern(0, kSize));
  ThreadGroup threads;
  threads.Start("sendfile", [&] {
    size_t sent = 0;
    while (sent < kSize) {
      const ssize_t count = sendfile(ours(), file.get(), nullptr, kSize - sent);
      ASSERT_GT(count, 0) << Call(count);
      sent += count;
    }
  });
  const std::string received = Receive(peer(), kSize);
  EXPECT_EQ(received.size(), kSize);
  EXPECT_EQ(PatternError(received, 0), "");
}

TEST_P(FileTransferTest, SendfileToAFullSocket) {
  const OwnedFd file = File("0123");
  Fill(ours(), peer());
  EXPECT_EQ(Call(sendfile(ours(), file.get(), nullptr, 4)), Fails(EAGAIN));
  EXPECT_EQ(Call(lseek(file.get(), 0, SEEK_CUR)), Gives(0));
}

// A socket can't be what sendfile() reads.
TEST_P(FileTransferTest, SendfileFromASocket) {
  const OwnedFd file = File("");
  EXPECT_EQ(Call(sendfile(file.get(), ours(), nullptr, 4)), Fails(EINVAL));
}

TEST_P(FileTransferTest, SendfileAfterShutdown) {
  const OwnedFd file = File("0123");
  signal(SIGPIPE, SIG_IGN);
  ASSERT_SUCCESS(shutdown(ours(), SHUT_WR));
  EXPECT_EQ(Call(sendfile(ours(), file.get(), nullptr, 4)), Fails(EPIPE));
}

TEST_P(FileTransferTest, SpliceFromAPipe) {
  ASSERT_EQ(Call(write(pipe_in_.get(), "hello", 5)), Gives(5));
  EXPECT_EQ(Call(splice(pipe_out_.get(), nullptr, ours(), nullptr, 100, 0)),
            Gives(5));
  EXPECT_EQ(Receive(peer(), 5), "hello");
}

TEST_P(FileTransferTest, SpliceToAPipe) {
  ASSERT_TRUE(SendAll(peer(), "hello"));
  ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  EXPECT_EQ(Call(splice(ours(), nullptr, pipe_in_.get(), nullptr, 100, 0)),
            Gives(5));
  char buffer[16];
  EXPECT_EQ(Call(read(pipe_out_.get(), buffer, sizeof(buffer))), Gives(5));
  EXPECT_EQ(std::string(buffer, 5), "hello");
}

TEST_P(FileTransferTest, SpliceDoesNotWait) {
  // SPLICE_F_NONBLOCK is about the pipe.
  SetNonBlocking(ours());
  EXPECT_EQ(Call(splice(ours(), nullptr, pipe_in_.get(), nullptr, 100, 0)),
            Fails(EAGAIN));
}

TEST_P(FileTransferTest, SpliceTellsOfTheEnd) {
  ClosePeer();
  EXPECT_EQ(Call(splice(ours(), nullptr, pipe_in_.get(), nullptr, 100, 0)),
            Gives(0));
}

TEST_P(FileTransferTest, SpliceTellsOfAReset) {
  Reset(&connection_.peer);
  ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  EXPECT_EQ(Call(splice(ours(), nullptr, pipe_in_.get(), nullptr, 100, 0)),
            Fails(ECONNRESET));
}

TEST_P(FileTransferTest, SpliceHasNoOffsets) {
  off64_t offset = 0;
  EXPECT_EQ(Call(splice(ours(), &offset, pipe_in_.get(), nullptr, 1, 0)),
            Fails(EINVAL));
}

TEST_P(FileTransferTest, SpliceNeedsAPipe) {
  EXPECT_EQ(Call(splice(ours(), nullptr, peer(), nullptr, 1, 0)),
            Fails(EINVAL));
}

// A proxy as haproxy does it: socket to pipe to socket.
TEST_P(FileTransferTest, SpliceThroughAPipe) {
  constexpr size_t kSize = 500'000;
  Connection other = MakeConnection(family(), origin());
  ThreadGroup threads;
  threads.Start("peer sends", [&] {
    SendAll(peer(), Pattern(0, kSize));
    shutdown(peer(), SHUT_WR);
  });
  threads.Start("relay", [&] {
    for (;;) {
      ssize_t in = splice(ours(), nullptr, pipe_in_.get(), nullptr, 65536,
                          SPLICE_F_MOVE);
      ASSERT_GE(in, 0) << Call(in);
      if (in == 0) break;
      while (in > 0) {
        const ssize_t out = splice(pipe_out_.get(), nullptr, other.ours.get(),
                                   nullptr, in, SPLICE_F_MOVE);
        ASSERT_GT(out, 0) << Call(out);
        in -= out;
      }
    }
    EXPECT_SUCCESS(shutdown(other.ours.get(), SHUT_WR));
  });
  const std::string received = ReceiveToEnd(other.peer.get());
  EXPECT_EQ(received.size(), kSize);
  EXPECT_EQ(PatternError(received, 0), "");
}

TEST_P(FileTransferTest, VmspliceAndTeeFeedASocket) {
  char text[] = "hello";
  const iovec part = {text, 5};
  ASSERT_EQ(Call(vmsplice(pipe_in_.get(), &part, 1, 0)), Gives(5));
  int second[2];
  ASSERT_SUCCESS(pipe(second));
  const OwnedFd second_out(second[0]), second_in(second[1]);
  EXPECT_EQ(Call(tee(pipe_out_.get(), second_in.get(), 5, 0)), Gives(5));
  for (const int from : {pipe_out_.get(), second_out.get()}) {
    EXPECT_EQ(Call(splice(from, nullptr, ours(), nullptr, 5, 0)), Gives(5));
    EXPECT_EQ(Receive(peer(), 5), "hello");
  }
}

TEST_P(FileTransferTest, CopyFileRangeIsForFiles) {
  const OwnedFd file = File("0123");
  EXPECT_EQ(Call(copy_file_range(file.get(), nullptr, ours(), nullptr, 4, 0)),
            Fails(EINVAL));
}

}  // namespace
}  // namespace wspd::preload
