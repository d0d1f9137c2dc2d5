#include "client_stub/transport/posix/descriptors.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "client_stub/transport/unix_socket.h"

namespace wsp {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

// The exit status of a child that runs `body`.
template <typename Body>
int InChild(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(DescriptorsTest, AreHighAndCloseOnExec) {
  const int fd = AdoptDescriptor(eventfd(0, 0));
  EXPECT_GE(fd, 256);
  EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  CloseDescriptor(fd);
  EXPECT_FALSE(IsOpen(fd));
}

TEST(DescriptorsTest, NothingIsAdoptedOrClosedAsNothing) {
  EXPECT_EQ(AdoptDescriptor(-1), -1);
  CloseDescriptor(-1);
}

TEST(DescriptorsTest, AChildClosesItsCopies) {
  const int fd = AdoptDescriptor(eventfd(0, 0));
  EXPECT_EQ(InChild([fd] {
              CloseInheritedDescriptors();
              return IsOpen(fd) ? 1 : 0;
            }),
            0);
  EXPECT_TRUE(IsOpen(fd));
  CloseDescriptor(fd);
}

TEST(DescriptorsTest, AChildLeavesNumbersAloneThatItReuses) {
  const int fd = AdoptDescriptor(eventfd(0, 0));
  EXPECT_EQ(InChild([fd] {
              int pipe_ends[2];
              if (pipe(pipe_ends) != 0 || dup2(pipe_ends[0], fd) != fd) {
                return 2;
              }
              CloseInheritedDescriptors();
              return IsOpen(fd) ? 0 : 1;
            }),
            0);
  CloseDescriptor(fd);
}

TEST(DescriptorsTest, ClosedOnesAreForgotten) {
  const int fd = AdoptDescriptor(eventfd(0, 0));
  CloseDescriptor(fd);
  const int other = fcntl(eventfd(0, 0), F_DUPFD, fd);
  ASSERT_EQ(other, fd);
  EXPECT_EQ(InChild([other] {
              CloseInheritedDescriptors();
              return IsOpen(other) ? 0 : 1;
            }),
            0);
}

TEST(UnixSocketTest, NobodyListening) {
  EXPECT_EQ(ConnectUnixSocket("/nowhere/wspd.sock"), kNobodyListens);
  EXPECT_EQ(ConnectUnixSocket(std::string(200, 'x').c_str()), kNobodyListens);
}

TEST(UnixSocketTest, AFullQueueIsSaidAtOnce) {
  char folder[] = "/tmp/wsp.XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/queue.sock";
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  memcpy(address.sun_path, path.c_str(), path.size());
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address),
                 sizeof address),
            0);
  ASSERT_EQ(listen(listener, 0), 0);
  const int first = ConnectUnixSocket(path.c_str());
  EXPECT_GE(first, 0);
  EXPECT_EQ(ConnectUnixSocket(path.c_str()), kQueueFull);
  close(accept(listener, nullptr, nullptr));
  const int second = ConnectUnixSocket(path.c_str());
  EXPECT_GE(second, 0);
  CloseDescriptor(first);
  CloseDescriptor(second);
  close(listener);
  unlink(path.c_str());
  rmdir(folder);
  EXPECT_EQ(ConnectUnixSocket(path.c_str()), kNobodyListens);
}

}  // namespace
}  // namespace wsp
