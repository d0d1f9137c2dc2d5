// A socket is a descriptor like any other: its number, its flags, its kind.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <set>
#include <vector>

#include "tests/preload/behaviour/fixture.h"

namespace wspd::preload {
namespace {

class CreationTest : public SocketTest {};
INSTANTIATE_FOR_SOCKETS(CreationTest);

// POSIX: the lowest number that isn't in use, also in a gap.
TEST_P(CreationTest, TakesTheLowestNumber) {
  OwnedFd gap(dup(STDERR_FILENO));
  const OwnedFd above(dup(STDERR_FILENO));
  const int lowest = gap.get();
  gap.Reset(-1);
  const OwnedFd made = Socket();
  EXPECT_EQ(made.get(), lowest);
}

// The library's own descriptors aren't in the way, even of the first socket.
TEST_P(CreationTest, LeavesTheNextNumberToTheNextFile) {
  const OwnedFd first(dup(STDERR_FILENO));
  const OwnedFd made = Socket();
  const OwnedFd next(dup(STDERR_FILENO));
  EXPECT_EQ(made.get(), first.get() + 1);
  EXPECT_EQ(next.get(), first.get() + 2);
}

TEST_P(CreationTest, HasNoFlagsUnlessAsked) {
  const OwnedFd made = Socket();
  EXPECT_EQ(Call(fcntl(made.get(), F_GETFD)), Gives(0));
  EXPECT_EQ(Call(fcntl(made.get(), F_GETFL)), Gives(O_RDWR));
}

TEST_P(CreationTest, IsClosedOnExecIfAsked) {
  const OwnedFd made = OurSocket(family(), type() | SOCK_CLOEXEC);
  EXPECT_EQ(Call(fcntl(made.get(), F_GETFD)), Gives(FD_CLOEXEC));
  EXPECT_EQ(Call(fcntl(made.get(), F_GETFL)), Gives(O_RDWR));
}

TEST_P(CreationTest, IsNonBlockingIfAsked) {
  const OwnedFd made = OurSocket(family(), type() | SOCK_NONBLOCK);
  EXPECT_EQ(Call(fcntl(made.get(), F_GETFD)), Gives(0));
  EXPECT_EQ(Call(fcntl(made.get(), F_GETFL)), Gives(O_RDWR | O_NONBLOCK));
}

TEST_P(CreationTest, IsASocketToFstat) {
  const OwnedFd made = Socket();
  struct stat status = {};
  ASSERT_SUCCESS(fstat(made.get(), &status));
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
}

// lsof and the like read this.
TEST_P(CreationTest, IsASocketInProc) {
  const OwnedFd made = Socket();
  const std::string link = "/proc/self/fd/" + std::to_string(made.get());
  char target[PATH_MAX] = {};
  ASSERT_SUCCESS(readlink(link.c_str(), target, sizeof(target) - 1));
  EXPECT_EQ(std::string(target).substr(0, 8), "socket:[");
}

TEST_P(CreationTest, SaysWhatItIs) {
  const OwnedFd made = Socket();
  EXPECT_EQ(GetOption(made.get(), SOL_SOCKET, SO_DOMAIN), family());
  EXPECT_EQ(GetOption(made.get(), SOL_SOCKET, SO_TYPE), type());
  EXPECT_EQ(GetOption(made.get(), SOL_SOCKET, SO_PROTOCOL),
            type() == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP);
}

TEST_P(CreationTest, TakesItsProtocolByName) {
  const int protocol = type() == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
  const OwnedFd made(socket(family(), type(), protocol));
  EXPECT_TRUE(made.is_open());
  EXPECT_EQ(GetOption(made.get(), SOL_SOCKET, SO_PROTOCOL), protocol);
}

TEST_P(CreationTest, RefusesTheOthersProtocol) {
  const int protocol = type() == SOCK_STREAM ? IPPROTO_UDP : IPPROTO_TCP;
  EXPECT_EQ(Call(socket(family(), type(), protocol)), Fails(EPROTONOSUPPORT));
}

TEST_P(CreationTest, RefusesUnknownFlags) {
  EXPECT_EQ(Call(socket(family(), type() | 0x10000, 0)), Fails(EINVAL));
}

TEST_P(CreationTest, RefusesAnUnknownType) {
  EXPECT_EQ(Call(socket(family(), 9, 0)), Fails(ESOCKTNOSUPPORT));
}

TEST_P(CreationTest, HasNoAddressYet) {
  const OwnedFd made = Socket();
  EXPECT_EQ(SocketAddress::LocalOf(made.get()),
            SocketAddress::Wildcard(family()));
  SocketAddress remote;
  EXPECT_EQ(Call(getpeername(made.get(), remote.buffer(), remote.room())),
            Fails(ENOTCONN));
}

TEST_P(CreationTest, CountsAgainstTheLimitOfDescriptors) {
  const OwnedFd highest(dup(STDERR_FILENO));
  rlimit before = {};
  ASSERT_SUCCESS(getrlimit(RLIMIT_NOFILE, &before));
  const rlimit reached = {static_cast<rlim_t>(highest.get()) + 1,
                          before.rlim_max};
  ASSERT_SUCCESS(setrlimit(RLIMIT_NOFILE, &reached));
  const Outcome beyond = Call(socket(family(), type(), 0));
  ASSERT_SUCCESS(setrlimit(RLIMIT_NOFILE, &before));
  EXPECT_EQ(beyond, Fails(EMFILE));
  EXPECT_TRUE(Socket().is_open());
}

// EBADF, not a crash or somebody else's socket.
TEST_P(CreationTest, IsGoneWhenClosed) {
  OwnedFd made = Socket();
  const int fd = made.get();
  made.Reset(-1);
  SocketAddress address = SocketAddress::Loopback(family());
  char byte = 0;
  EXPECT_EQ(Call(close(fd)), Fails(EBADF));
  EXPECT_EQ(Call(bind(fd, address.data(), address.size())), Fails(EBADF));
  EXPECT_EQ(Call(connect(fd, address.data(), address.size())), Fails(EBADF));
  EXPECT_EQ(Call(listen(fd, 1)), Fails(EBADF));
  EXPECT_EQ(Call(accept(fd, nullptr, nullptr)), Fails(EBADF));
  EXPECT_EQ(Call(send(fd, &byte, 1, 0)), Fails(EBADF));
  EXPECT_EQ(Call(recv(fd, &byte, 1, 0)), Fails(EBADF));
  EXPECT_EQ(Call(read(fd, &byte, 1)), Fails(EBADF));
  EXPECT_EQ(Call(write(fd, &byte, 1)), Fails(EBADF));
  EXPECT_EQ(Call(shutdown(fd, SHUT_WR)), Fails(EBADF));
  EXPECT_EQ(Call(getsockname(fd, address.buffer(), address.room())),
            Fails(EBADF));
  EXPECT_EQ(Call(fcntl(fd, F_GETFL)), Fails(EBADF));
  EXPECT_EQ(Call(dup(fd)), Fails(EBADF));
}

// What is opened at its number later has nothing of it.
TEST_P(CreationTest, LeavesNothingAtItsNumber) {
  OwnedFd made = Socket();
  const int fd = made.get();
  made.Reset(-1);
  const OwnedFd file(memfd_create("file", 0));
  ASSERT_EQ(file.get(), fd);
  char byte = 'x';
  EXPECT_EQ(Call(send(fd, &byte, 1, 0)), Fails(ENOTSOCK));
  EXPECT_EQ(Call(write(fd, &byte, 1)), Gives(1));
  EXPECT_EQ(Call(lseek(fd, 0, SEEK_SET)), Gives(0));
  byte = 0;
  EXPECT_EQ(Call(read(fd, &byte, 1)), Gives(1));
  EXPECT_EQ(byte, 'x');
  SocketAddress address;
  EXPECT_EQ(Call(getsockname(fd, address.buffer(), address.room())),
            Fails(ENOTSOCK));
}

TEST_P(CreationTest, NumbersAreUnique) {
  std::vector<OwnedFd> open;
  std::set<int> numbers;
  for (int i = 0; i < 100; ++i) {
    open.push_back(Socket());
    open.emplace_back(dup(STDERR_FILENO));
  }
  for (const OwnedFd& fd : open) {
    EXPECT_TRUE(fd.is_open());
    EXPECT_TRUE(numbers.insert(fd.get()).second) << fd.get();
  }
}

// A thousand in turn leave nothing behind.
TEST_P(CreationTest, ClosingLeavesNothingOpen) {
  const auto open = [] {
    int count = 0;
    DIR* const folder = opendir("/proc/self/fd");
    while (readdir(folder) != nullptr) ++count;
    closedir(folder);
    return count;
  };
  Socket();
  const int before = open();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(Socket().is_open());
  EXPECT_EQ(open(), before);
}

// What only files can do.
TEST_P(CreationTest, IsNoFile) {
  const OwnedFd made = Socket();
  const int fd = made.get();
  char byte = 0;
  EXPECT_EQ(Call(lseek(fd, 0, SEEK_SET)), Fails(ESPIPE));
  EXPECT_EQ(Call(pread(fd, &byte, 1, 0)), Fails(ESPIPE));
  EXPECT_EQ(Call(pwrite(fd, &byte, 1, 0)), Fails(ESPIPE));
  EXPECT_EQ(Call(ftruncate(fd, 0)), Fails(EINVAL));
  EXPECT_EQ(Call(fsync(fd)), Fails(EINVAL));
  EXPECT_EQ(isatty(fd), 0);
}

// A socket has no name in the file system to open it by.
TEST_P(CreationTest, CannotBeOpenedByItsProcName) {
  const OwnedFd made = Socket();
  const std::string name = "/proc/self/fd/" + std::to_string(made.get());
  EXPECT_EQ(Call(open(name.c_str(), O_RDWR)), Fails(ENXIO));
}

}  // namespace
}  // namespace wspd::preload
