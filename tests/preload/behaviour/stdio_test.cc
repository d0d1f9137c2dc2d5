// Sockets as standard I/O streams and as standard input and output.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <memory>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/fixture.h"

namespace wspd::preload {
namespace {

struct Closer {
  void operator()(FILE* stream) const { fclose(stream); }
};
using Stream = std::unique_ptr<FILE, Closer>;

class StdioTest : public ConnectionTest {
 protected:
  // The stream has the descriptor.
  Stream Open(const char* mode) {
    Stream stream(fdopen(ReleaseOurs(), mode));
    EXPECT_NE(stream, nullptr);
    return stream;
  }
};
INSTANTIATE_FOR_CONNECTIONS(StdioTest);

TEST_P(StdioTest, LinesBothWays) {
  const int second = dup(ours());
  const Stream in = Open("r");
  const Stream out(fdopen(second, "w"));
  ASSERT_GT(fprintf(out.get(), "line %d\n", 1), 0);
  EXPECT_EQ(Readiness(peer(), POLLIN), 0) << "it is buffered";
  EXPECT_EQ(fflush(out.get()), 0);
  EXPECT_EQ(Receive(peer(), 7), "line 1\n");
  EXPECT_TRUE(SendAll(peer(), "answer\nmore\n"));
  char line[32];
  ASSERT_NE(fgets(line, sizeof(line), in.get()), nullptr);
  EXPECT_STREQ(line, "answer\n");
  ASSERT_NE(fgets(line, sizeof(line), in.get()), nullptr);
  EXPECT_STREQ(line, "more\n");
}

TEST_P(StdioTest, EndOfTheStream) {
  const Stream in = Open("r");
  EXPECT_TRUE(SendAll(peer(), "x"));
  ClosePeer();
  EXPECT_EQ(fgetc(in.get()), 'x');
  EXPECT_EQ(fgetc(in.get()), EOF);
  EXPECT_NE(feof(in.get()), 0);
  EXPECT_EQ(ferror(in.get()), 0);
}

TEST_P(StdioTest, ResetIsAnError) {
  const Stream in = Open("r");
  Reset(&connection_.peer);
  ASSERT_NE(WaitFor(fileno(in.get()), POLLIN), 0);
  errno = 0;
  EXPECT_EQ(fgetc(in.get()), EOF);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_NE(ferror(in.get()), 0);
}

TEST_P(StdioTest, CloseFlushesAndEnds) {
  Stream out = Open("w");
  ASSERT_GT(fputs("last words", out.get()), 0);
  out.reset();
  EXPECT_EQ(ReceiveToEnd(peer()), "last words");
}

TEST_P(StdioTest, UnbufferedSendsAtOnce) {
  const Stream out = Open("w");
  ASSERT_EQ(setvbuf(out.get(), nullptr, _IONBF, 0), 0);
  EXPECT_EQ(fputc('x', out.get()), 'x');
  EXPECT_EQ(Receive(peer(), 1), "x");
}

TEST_P(StdioTest, LargeBlocks) {
  const Stream in = Open("r");
  const std::string data(100'000, 'x');
  EXPECT_TRUE(SendAll(peer(), data));
  std::string read(data.size(), '\0');
  EXPECT_EQ(fread(read.data(), 1, read.size(), in.get()), data.size());
  EXPECT_EQ(read, data);
}

TEST_P(StdioTest, SeekingIsImpossible) {
  const Stream in = Open("r");
  EXPECT_EQ(Call(fseek(in.get(), 1, SEEK_SET)), Fails(ESPIPE));
}

TEST_P(StdioTest, Dprintf) {
  EXPECT_EQ(dprintf(ours(), "%s %d", "value", 42), 8);
  EXPECT_EQ(Receive(peer(), 8), "value 42");
}

TEST_P(StdioTest, Getline) {
  const Stream in = Open("r");
  EXPECT_TRUE(SendAll(peer(), "a longer line\n"));
  char* line = nullptr;
  size_t room = 0;
  EXPECT_EQ(Call(getline(&line, &room, in.get())), Gives(14));
  EXPECT_STREQ(line, "a longer line\n");
  free(line);
}

// freopen() puts a file where the socket was.
TEST_P(StdioTest, FreopenReplacesTheSocket) {
  Stream stream = Open("r+");
  const int fd = fileno(stream.get());
  FILE* const reopened = freopen("/dev/null", "r", stream.release());
  ASSERT_NE(reopened, nullptr);
  stream.reset(reopened);
  EXPECT_EQ(fileno(reopened), fd);
  EXPECT_TRUE(Ends(peer()));
  EXPECT_EQ(fgetc(reopened), EOF);
  EXPECT_EQ(Call(send(fd, "x", 1, 0)), Fails(ENOTSOCK));
}

// As inetd starts a server.
TEST_P(StdioTest, StandardInputAndOutput) {
  const RoleCommand filter("filter");
  Child child([&] {
    dup2(ours(), STDIN_FILENO);
    dup2(ours(), STDOUT_FILENO);
    CloseOurs();
    ExecRole(filter);
  });
  CloseOurs();
  EXPECT_TRUE(SendAll(peer(), "ping"));
  EXPECT_EQ(Receive(peer(), 4), "ping");
  shutdown(peer(), SHUT_WR);
  EXPECT_EQ(ReceiveToEnd(peer()), "");
  EXPECT_TRUE(child.Succeeds());
}

// A program that knows nothing of sockets.
TEST_P(StdioTest, CatOnASocket) {
  Child child([&] {
    dup2(ours(), STDIN_FILENO);
    dup2(ours(), STDOUT_FILENO);
    CloseOurs();
    execl("/bin/cat", "cat", nullptr);
    _exit(127);
  });
  CloseOurs();
  EXPECT_TRUE(SendAll(peer(), "meow"));
  shutdown(peer(), SHUT_WR);
  EXPECT_EQ(ReceiveToEnd(peer()), "meow");
  EXPECT_TRUE(child.Succeeds());
}

TEST_P(StdioTest, ShellWritesToASocket) {
  // Shells know one digit.
  ASSERT_EQ(dup2(ours(), 9), 9);
  EXPECT_EQ(system("echo from the shell >&9"), 0);
  EXPECT_EQ(Receive(peer(), 15), "from the shell\n");
}

TEST_P(StdioTest, PopenHasTheSocket) {
  ASSERT_EQ(dup2(ours(), 9), 9);
  FILE* const pipe = popen("cat <&9", "r");
  ASSERT_NE(pipe, nullptr);
  EXPECT_TRUE(SendAll(peer(), "hello\n"));
  ClosePeer();
  char line[32] = {};
  EXPECT_NE(fgets(line, sizeof(line), pipe), nullptr);
  EXPECT_STREQ(line, "hello\n");
  EXPECT_EQ(pclose(pipe), 0);
}

}  // namespace
}  // namespace wspd::preload
