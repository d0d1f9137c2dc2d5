// What isn't an Internet socket passes through untouched.
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <csignal>
#include <cstddef>
#include <cstring>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/descriptor_passing.h"
#include "tests/preload/behaviour/fixture.h"

namespace wspd::preload {
namespace {

class UnixPairTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_SUCCESS(socketpair(AF_UNIX, GetParam(), 0, ends));
    a_ = OwnedFd(ends[0]);
    b_ = OwnedFd(ends[1]);
  }
  int a() const { return a_.get(); }
  int b() const { return b_.get(); }

  OwnedFd a_, b_;
};
INSTANTIATE_TEST_SUITE_P(, UnixPairTest,
                         ::testing::Values(SOCK_STREAM, SOCK_DGRAM,
                                           SOCK_SEQPACKET),
                         [](const ::testing::TestParamInfo<int>& info) {
                           return info.param == SOCK_STREAM  ? "Stream"
                                  : info.param == SOCK_DGRAM ? "Datagram"
                                                             : "Seqpacket";
                         });

TEST_P(UnixPairTest, CarriesBytes) { EXPECT_TRUE(Talk(a(), b())); }

TEST_P(UnixPairTest, SaysWhatItIs) {
  EXPECT_EQ(GetOption(a(), SOL_SOCKET, SO_DOMAIN), AF_UNIX);
  EXPECT_EQ(GetOption(a(), SOL_SOCKET, SO_TYPE), GetParam());
  sockaddr_un address = {};
  socklen_t size = sizeof(address);
  ASSERT_SUCCESS(
      getsockname(a(), reinterpret_cast<sockaddr*>(&address), &size));
  EXPECT_EQ(address.sun_family, AF_UNIX);
  size = sizeof(address);
  ASSERT_SUCCESS(
      getpeername(a(), reinterpret_cast<sockaddr*>(&address), &size));
}

TEST_P(UnixPairTest, KnowsItsPeersCredentials) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  ASSERT_SUCCESS(getsockopt(a(), SOL_SOCKET, SO_PEERCRED, &peer, &size));
  EXPECT_EQ(peer.pid, getpid());
  EXPECT_EQ(peer.uid, geteuid());
}

TEST_P(UnixPairTest, PassesDescriptors) {
  const OwnedFd file(memfd_create("file", 0));
  ASSERT_EQ(Call(write(file.get(), "abc", 3)), Gives(3));
  const PassingPair pair;
  ASSERT_TRUE(pair.Send(file.get()));
  const OwnedFd passed = pair.Receive();
  char buffer[8];
  EXPECT_EQ(Call(pread(passed.get(), buffer, sizeof(buffer), 0)), Gives(3));
}

TEST_P(UnixPairTest, EndsWithItsPeer) {
  b_.Reset(-1);
  char byte = 0;
  const Outcome refused =
      GetParam() == SOCK_DGRAM ? Fails(ECONNREFUSED) : Fails(EPIPE);
  EXPECT_EQ(Call(send(a(), &byte, 1, MSG_NOSIGNAL)), refused);
}

TEST_P(UnixPairTest, IsDuplicatedAndInherited) {
  const OwnedFd duplicate(dup(a()));
  a_.Reset(-1);
  Child child([&] { EXPECT_TRUE(Talk(duplicate.get(), b())); });
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(duplicate.get(), b()));
}

// A server with a name in the file system or in the abstract.
class UnixServerTest : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(, UnixServerTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& info) {
                           return info.param ? "Abstract" : "Path";
                         });

TEST_P(UnixServerTest, Serves) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/preload_test.%d",
           getpid());
  const socklen_t size = offsetof(sockaddr_un, sun_path) +
                         static_cast<socklen_t>(strlen(address.sun_path));
  if (GetParam()) address.sun_path[0] = '\0';
  const auto* const name = reinterpret_cast<const sockaddr*>(&address);
  const OwnedFd listener(socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_SUCCESS(bind(listener.get(), name, size));
  ASSERT_SUCCESS(listen(listener.get(), 5));
  const OwnedFd client(socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_SUCCESS(connect(client.get(), name, size));
  const OwnedFd accepted(
      accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(Talk(client.get(), accepted.get()));
  if (!GetParam()) unlink(address.sun_path);
}

// A route socket: the kernel's answer about this very namespace.
TEST(OtherFamilyTest, Netlink) {
  const OwnedFd route(
      socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  ASSERT_TRUE(route.is_open());
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  ASSERT_SUCCESS(bind(route.get(), reinterpret_cast<sockaddr*>(&address),
                      sizeof(address)));
  struct {
    nlmsghdr header;
    rtgenmsg message;
  } request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.message.rtgen_family = AF_UNSPEC;
  ASSERT_EQ(Call(send(route.get(), &request, sizeof(request), 0)),
            Gives(sizeof(request)));
  alignas(nlmsghdr) char answer[32768];
  const ssize_t count = recv(route.get(), answer, sizeof(answer), 0);
  ASSERT_GE(count, static_cast<ssize_t>(sizeof(nlmsghdr)));
  EXPECT_EQ(reinterpret_cast<nlmsghdr*>(answer)->nlmsg_type, RTM_NEWLINK);
}

TEST(OtherFamilyTest, UnknownFamily) {
  EXPECT_EQ(Call(socket(250, SOCK_STREAM, 0)), Fails(EAFNOSUPPORT));
}

TEST(OtherFamilyTest, InternetSocketsHaveNoPairs) {
  int ends[2];
  EXPECT_EQ(Call(socketpair(AF_INET, SOCK_STREAM, 0, ends)), Fails(EOPNOTSUPP));
}

TEST(OtherFamilyTest, Pipe) {
  int ends[2];
  ASSERT_SUCCESS(pipe(ends));
  const OwnedFd out(ends[0]), in(ends[1]);
  EXPECT_EQ(Call(write(in.get(), "abc", 3)), Gives(3));
  int waiting = 0;
  ASSERT_SUCCESS(ioctl(out.get(), FIONREAD, &waiting));
  EXPECT_EQ(waiting, 3);
  char buffer[8];
  EXPECT_EQ(Call(read(out.get(), buffer, sizeof(buffer))), Gives(3));
  EXPECT_EQ(Call(send(in.get(), "x", 1, 0)), Fails(ENOTSOCK));
  EXPECT_EQ(Call(recv(out.get(), buffer, 1, 0)), Fails(ENOTSOCK));
  EXPECT_EQ(Call(shutdown(in.get(), SHUT_WR)), Fails(ENOTSOCK));
}

TEST(OtherFamilyTest, EventCounter) {
  const OwnedFd counter(eventfd(2, EFD_NONBLOCK));
  uint64_t value = 0;
  EXPECT_EQ(Call(read(counter.get(), &value, sizeof(value))), Gives(8));
  EXPECT_EQ(value, 2u);
  EXPECT_EQ(Call(read(counter.get(), &value, sizeof(value))), Fails(EAGAIN));
}

TEST(OtherFamilyTest, Timer) {
  const OwnedFd timer(timerfd_create(CLOCK_MONOTONIC, 0));
  const itimerspec soon = {{0, 0}, {0, 1}};
  ASSERT_SUCCESS(timerfd_settime(timer.get(), 0, &soon, nullptr));
  uint64_t count = 0;
  EXPECT_EQ(Call(read(timer.get(), &count, sizeof(count))), Gives(8));
  EXPECT_EQ(count, 1u);
}

TEST(OtherFamilyTest, SignalDescriptor) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const OwnedFd signals(signalfd(-1, &set, 0));
  raise(SIGUSR2);
  signalfd_siginfo info = {};
  EXPECT_EQ(Call(read(signals.get(), &info, sizeof(info))),
            Gives(sizeof(info)));
  EXPECT_EQ(info.ssi_signo, static_cast<uint32_t>(SIGUSR2));
}

TEST(OtherFamilyTest, Files) {
  const OwnedFd file(memfd_create("file", MFD_CLOEXEC));
  EXPECT_EQ(Call(pwrite(file.get(), "0123456789", 10, 0)), Gives(10));
  char buffer[16];
  EXPECT_EQ(Call(pread(file.get(), buffer, 4, 3)), Gives(4));
  EXPECT_EQ(std::string(buffer, 4), "3456");
  const OwnedFd copy(memfd_create("copy", MFD_CLOEXEC));
  off_t offset = 2;
  EXPECT_EQ(Call(sendfile(copy.get(), file.get(), &offset, 5)), Gives(5));
  EXPECT_EQ(Call(pread(copy.get(), buffer, 16, 0)), Gives(5));
  EXPECT_EQ(std::string(buffer, 5), "23456");
  struct stat status = {};
  ASSERT_SUCCESS(fstat(file.get(), &status));
  EXPECT_EQ(status.st_size, 10);
}

// The peers of this suite are Internet sockets that the program got from
// elsewhere. They stay the kernel's: their options are those of the socket
// itself, by a raw call as by the library's.
TEST(OtherFamilyTest, SocketsFromElsewhere) {
  const OwnedFd peer = PeerSocket(AF_INET, SOCK_STREAM);
  EXPECT_EQ(GetOption(peer.get(), SOL_SOCKET, SO_DOMAIN), AF_INET);
  EXPECT_EQ(Call(fcntl(peer.get(), F_GETFL)), Gives(O_RDWR));
  SetOption(peer.get(), SOL_SOCKET, SO_RCVBUF, 20000);
  EXPECT_EQ(GetOption(peer.get(), SOL_SOCKET, SO_RCVBUF), 40000);
  const OwnedFd duplicate(dup(peer.get()));
  EXPECT_EQ(GetOption(duplicate.get(), SOL_SOCKET, SO_RCVBUF), 40000);
}

}  // namespace
}  // namespace wspd::preload
