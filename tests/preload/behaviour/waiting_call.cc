#include "tests/preload/behaviour/waiting_call.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

extern "C" {
// NOLINTBEGIN: glibc's names, of what programs call with _FORTIFY_SOURCE.
ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t room,
                       int flags, sockaddr* from, socklen_t* from_size);
ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room);
// NOLINTEND
}

namespace wspd::preload {
namespace {

// On one connection that has nothing to receive.
class Receiving : public WaitingCall {
 public:
  using Function = ssize_t (*)(int fd, char* buffer, size_t size);

  Receiving(int family, Function function)
      : connection_(MakeConnection(family, Origin::kConnected)),
        function_(function) {}

  Outcome Make() override {
    char buffer[8];
    return Call(function_(connection_.ours.get(), buffer, sizeof(buffer)));
  }
  void Satisfy() override { EXPECT_TRUE(SendAll(connection_.peer.get(), "x")); }
  ::testing::AssertionResult Works() override {
    // Past the byte, if the call didn't take it.
    EXPECT_TRUE(SendAll(connection_.peer.get(), "|"));
    while (Receive(connection_.ours.get(), 1) == "x") {
    }
    return Talk(connection_.ours.get(), connection_.peer.get());
  }

 private:
  Connection connection_;
  Function function_;
};

template <ssize_t (*kFunction)(int, char*, size_t)>
std::unique_ptr<WaitingCall> MakeReceiving(int family) {
  return std::make_unique<Receiving>(family, kFunction);
}

ssize_t Recv(int fd, char* buffer, size_t size) {
  return recv(fd, buffer, size, 0);
}
ssize_t Recvfrom(int fd, char* buffer, size_t size) {
  return recvfrom(fd, buffer, size, 0, nullptr, nullptr);
}
ssize_t Recvmsg(int fd, char* buffer, size_t size) {
  iovec part = {buffer, size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return recvmsg(fd, &message, 0);
}
ssize_t Recvmmsg(int fd, char* buffer, size_t size) {
  iovec part = {buffer, size};
  mmsghdr message = {};
  message.msg_hdr.msg_iov = &part;
  message.msg_hdr.msg_iovlen = 1;
  return recvmmsg(fd, &message, 1, 0, nullptr);
}
ssize_t Read(int fd, char* buffer, size_t size) {
  return read(fd, buffer, size);
}
ssize_t Readv(int fd, char* buffer, size_t size) {
  const iovec part = {buffer, size};
  return readv(fd, &part, 1);
}
ssize_t Preadv2(int fd, char* buffer, size_t size) {
  const iovec part = {buffer, size};
  return preadv2(fd, &part, 1, -1, 0);
}
ssize_t FortifiedRecv(int fd, char* buffer, size_t size) {
  return __recv_chk(fd, buffer, size, size, 0);
}
ssize_t FortifiedRecvfrom(int fd, char* buffer, size_t size) {
  return __recvfrom_chk(fd, buffer, size, size, 0, nullptr, nullptr);
}
ssize_t FortifiedRead(int fd, char* buffer, size_t size) {
  return __read_chk(fd, buffer, size, size);
}
ssize_t Poll(int fd, char*, size_t) {
  pollfd watched = {fd, POLLIN, 0};
  return poll(&watched, 1, -1);
}
ssize_t Ppoll(int fd, char*, size_t) {
  pollfd watched = {fd, POLLIN, 0};
  return ppoll(&watched, 1, nullptr, nullptr);
}
ssize_t Select(int fd, char*, size_t) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  return select(fd + 1, &set, nullptr, nullptr, nullptr);
}
ssize_t Pselect(int fd, char*, size_t) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  return pselect(fd + 1, &set, nullptr, nullptr, nullptr, nullptr);
}
// A set that waits for it to be readable.
OwnedFd EpollOf(int fd) {
  OwnedFd set(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event = {};
  event.events = EPOLLIN;
  epoll_ctl(set.get(), EPOLL_CTL_ADD, fd, &event);
  return set;
}
ssize_t EpollWait(int fd, char*, size_t) {
  const OwnedFd set = EpollOf(fd);
  epoll_event event;
  return epoll_wait(set.get(), &event, 1, -1);
}
ssize_t EpollPwait(int fd, char*, size_t) {
  const OwnedFd set = EpollOf(fd);
  epoll_event event;
  return epoll_pwait(set.get(), &event, 1, -1, nullptr);
}
ssize_t EpollPwait2(int fd, char*, size_t) {
  const OwnedFd set = EpollOf(fd);
  epoll_event event;
  return epoll_pwait2(set.get(), &event, 1, nullptr, nullptr);
}
ssize_t Splice(int fd, char*, size_t size) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const OwnedFd out(ends[0]), in(ends[1]);
  return splice(fd, nullptr, in.get(), nullptr, size, 0);
}

// On one that is full.
class Sending : public WaitingCall {
 public:
  using Function = ssize_t (*)(int fd);

  Sending(int family, Function function)
      : connection_(MakeConnection(family, Origin::kConnected)),
        function_(function),
        filled_(Fill(connection_.ours.get(), connection_.peer.get())) {
    SetNonBlocking(connection_.ours.get(), false);
  }

  Outcome Make() override { return Call(function_(connection_.ours.get())); }
  void Satisfy() override { Receive(connection_.peer.get(), filled_); }
  ::testing::AssertionResult Works() override {
    // The byte, if the call sent it, is one of those that are sent.
    if (!SendAll(connection_.ours.get(), "end")) {
      return ::testing::AssertionFailure() << "sending";
    }
    char last = 0;
    while (last != 'd') last = Receive(connection_.peer.get(), 1).at(0);
    return Talk(connection_.ours.get(), connection_.peer.get());
  }

 private:
  Connection connection_;
  Function function_;
  size_t filled_;
};

template <ssize_t (*kFunction)(int)>
std::unique_ptr<WaitingCall> MakeSending(int family) {
  return std::make_unique<Sending>(family, kFunction);
}

ssize_t Send(int fd) { return send(fd, "x", 1, 0); }
ssize_t Write(int fd) { return write(fd, "x", 1); }
ssize_t Sendto(int fd) { return sendto(fd, "x", 1, 0, nullptr, 0); }
ssize_t Writev(int fd) {
  char byte = 'x';
  const iovec part = {&byte, 1};
  return writev(fd, &part, 1);
}
ssize_t Pwritev2(int fd) {
  char byte = 'x';
  const iovec part = {&byte, 1};
  return pwritev2(fd, &part, 1, -1, 0);
}
ssize_t Sendmmsg(int fd) {
  char byte = 'x';
  iovec part = {&byte, 1};
  mmsghdr message = {};
  message.msg_hdr.msg_iov = &part;
  message.msg_hdr.msg_iovlen = 1;
  return sendmmsg(fd, &message, 1, 0);
}
ssize_t Sendmsg(int fd) {
  char byte = 'x';
  iovec part = {&byte, 1};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return sendmsg(fd, &message, 0);
}
ssize_t Sendfile(int fd) {
  const OwnedFd file(memfd_create("file", MFD_CLOEXEC));
  if (write(file.get(), "x", 1) != 1) return -1;
  off_t offset = 0;
  return sendfile(fd, file.get(), &offset, 1);
}

class Accepting : public WaitingCall {
 public:
  Accepting(int family, int flags)
      : family_(family), flags_(flags), listener_(OurListener(family)) {}

  Outcome Make() override {
    accepted_ = OwnedFd(
        flags_ < 0 ? accept(listener_.get(), nullptr, nullptr)
                   : accept4(listener_.get(), nullptr, nullptr, flags_));
    const Outcome outcome = Call(accepted_.get());
    // Which descriptor it is is no matter.
    return outcome.error != 0 ? outcome : Gives(1);
  }
  void Satisfy() override {
    const SocketAddress address = SocketAddress::LocalOf(listener_.get());
    peer_ = PeerSocket(family_, SOCK_STREAM);
    EXPECT_SUCCESS(connect(peer_.get(), address.data(), address.size()));
  }
  ::testing::AssertionResult Works() override {
    if (!accepted_.is_open()) accepted_ = AcceptFrom(listener_);
    return Talk(accepted_.get(), peer_.get());
  }

 private:
  int family_;
  int flags_;
  OwnedFd listener_;
  OwnedFd accepted_;
  OwnedFd peer_;
};

std::unique_ptr<WaitingCall> MakeAccept(int family) {
  return std::make_unique<Accepting>(family, -1);
}
std::unique_ptr<WaitingCall> MakeAccept4(int family) {
  return std::make_unique<Accepting>(family, SOCK_CLOEXEC);
}

// To a listener whose queue is full.
class Connecting : public WaitingCall {
 public:
  explicit Connecting(int family)
      : listener_(PeerListener(family, 0)),
        address_(SocketAddress::LocalOf(listener_.get())),
        first_(PeerSocket(family, SOCK_STREAM)),
        ours_(OurSocket(family, SOCK_STREAM)) {
    EXPECT_SUCCESS(connect(first_.get(), address_.data(), address_.size()));
    EXPECT_NE(WaitFor(listener_.get(), POLLIN), 0);
  }

  Outcome Make() override {
    const Outcome outcome =
        Call(connect(ours_.get(), address_.data(), address_.size()));
    return outcome.error != 0 ? outcome : Gives(1);
  }
  void Satisfy() override { AcceptFrom(listener_); }
  ::testing::AssertionResult Works() override {
    // An interrupted attempt goes on.
    EXPECT_EQ(WaitFor(ours_.get(), POLLOUT), POLLOUT);
    EXPECT_EQ(GetOption(ours_.get(), SOL_SOCKET, SO_ERROR), 0);
    return Talk(ours_.get(), AcceptFrom(listener_).get());
  }

 private:
  OwnedFd listener_;
  SocketAddress address_;
  OwnedFd first_;
  OwnedFd ours_;
};

std::unique_ptr<WaitingCall> MakeConnect(int family) {
  return std::make_unique<Connecting>(family);
}

class ReceivingDatagram : public WaitingCall {
 public:
  ReceivingDatagram(int family, Receiving::Function function)
      : ours_(OurDatagramSocket(family)),
        peer_(PeerDatagramSocket(family)),
        function_(function) {}

  Outcome Make() override {
    char buffer[8];
    return Call(function_(ours_.get(), buffer, sizeof(buffer)));
  }
  void Satisfy() override { SendTo(peer_, ours_); }
  ::testing::AssertionResult Works() override {
    char buffer[8];
    recv(ours_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    SendTo(ours_, peer_);
    if (WaitFor(peer_.get(), POLLIN) != 0 &&
        recv(peer_.get(), buffer, sizeof(buffer), 0) == 1) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << "no datagram arrives";
  }

 private:
  static void SendTo(const OwnedFd& from, const OwnedFd& to) {
    const SocketAddress address = SocketAddress::LocalOf(to.get());
    EXPECT_EQ(
        Call(sendto(from.get(), "x", 1, 0, address.data(), address.size())),
        Gives(1));
  }

  OwnedFd ours_;
  OwnedFd peer_;
  Receiving::Function function_;
};

template <ssize_t (*kFunction)(int, char*, size_t)>
std::unique_ptr<WaitingCall> MakeReceivingDatagram(int family) {
  return std::make_unique<ReceivingDatagram>(family, kFunction);
}

const WaitingCallKind kKinds[] = {
    {"Recv", MakeReceiving<Recv>, true},
    {"Recvfrom", MakeReceiving<Recvfrom>, true},
    {"Recvmsg", MakeReceiving<Recvmsg>, true},
    {"Recvmmsg", MakeReceiving<Recvmmsg>, true},
    {"Read", MakeReceiving<Read>, true},
    {"Readv", MakeReceiving<Readv>, true},
    {"Splice", MakeReceiving<Splice>, true},
    {"Poll", MakeReceiving<Poll>, false},
    {"Select", MakeReceiving<Select>, false},
    {"EpollWait", MakeReceiving<EpollWait>, false},
    {"Send", MakeSending<Send>, true},
    {"Write", MakeSending<Write>, true},
    {"Sendmsg", MakeSending<Sendmsg>, true},
    {"Sendfile", MakeSending<Sendfile>, true, false},
    {"Accept", MakeAccept, true},
    {"Accept4", MakeAccept4, true},
    {"Connect", MakeConnect, true},
    {"ReceiveDatagram", MakeReceivingDatagram<Recvfrom>, true},
};

const WaitingCallKind kVariants[] = {
    {"Preadv2", MakeReceiving<Preadv2>, true},
    {"Pwritev2", MakeSending<Pwritev2>, true},
    {"FortifiedRecv", MakeReceiving<FortifiedRecv>, true},
    {"FortifiedRecvfrom", MakeReceiving<FortifiedRecvfrom>, true},
    {"FortifiedRead", MakeReceiving<FortifiedRead>, true},
    {"Ppoll", MakeReceiving<Ppoll>, false},
    {"Pselect", MakeReceiving<Pselect>, false},
    {"EpollPwait", MakeReceiving<EpollPwait>, false},
    {"EpollPwait2", MakeReceiving<EpollPwait2>, false},
    {"Sendto", MakeSending<Sendto>, true},
    {"Writev", MakeSending<Writev>, true},
    {"Sendmmsg", MakeSending<Sendmmsg>, true},
    {"ReadDatagram", MakeReceivingDatagram<Read>, true},
    {"ReceiveMessage", MakeReceivingDatagram<Recvmsg>, true},
    {"ReceiveMessages", MakeReceivingDatagram<Recvmmsg>, true},
};

}  // namespace

const std::vector<WaitingCallParameter>& WaitingCalls() {
  static const auto* const calls = [] {
    auto* const all = new std::vector<WaitingCallParameter>;
    for (const int family : {AF_INET, AF_INET6}) {
      for (const WaitingCallKind& kind : kKinds)
        all->emplace_back(family, kind);
    }
    int family = AF_INET;
    for (const WaitingCallKind& kind : kVariants) {
      all->emplace_back(family, kind);
      family = family == AF_INET ? AF_INET6 : AF_INET;
    }
    return all;
  }();
  return *calls;
}

void WaitingCallTest::SetUp() {
  const auto& [family, kind] = GetParam();
  call_ = kind.make(family);
  ASSERT_FALSE(HasFailure());
}

}  // namespace wspd::preload
