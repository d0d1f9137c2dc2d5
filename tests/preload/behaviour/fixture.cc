#include "tests/preload/behaviour/fixture.h"

#include <fcntl.h>
#include <linux/tcp.h>  // has more in tcp_info than <netinet/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "tests/testing/pattern.h"

namespace wspd::preload {
namespace {

using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

OwnedFd Bound(int family, int type) {
  OwnedFd bound = OurSocket(family, type);
  const SocketAddress address = SocketAddress::Loopback(family);
  EXPECT_SUCCESS(bind(bound.get(), address.data(), address.size()));
  return bound;
}

// Sends up to `size` bytes of the pattern that follow the first `sent`, which
// it counts. False when there is no room.
bool SendMore(int fd, size_t size, size_t* sent) {
  const std::string part = testing::Pattern(*sent, size);
  const ssize_t count = send(fd, part.data(), part.size(), MSG_NOSIGNAL);
  if (count > 0) {
    *sent += count;
    return true;
  }
  EXPECT_EQ(Call(count), Fails(EAGAIN));
  return false;
}

constexpr size_t kPart = 64 * 1024;

// TCP's view of how much the receiver takes at once.
struct Window {
  bool known = false;
  size_t under_way = 0;  // segments
  size_t size = 0;       // bytes
};

Window WindowOf(int fd) {
  tcp_info info = {};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
      size < offsetof(tcp_info, tcpi_snd_wnd) + sizeof(info.tcpi_snd_wnd)) {
    return {};
  }
  return {true, info.tcpi_unacked, info.tcpi_snd_wnd};
}

// Fills the receiver to its last byte. A rest smaller than a segment would be
// filled by the sender's timer, much later, and make room where there was none.
void CloseWindow(int fd, size_t* sent) {
  WaitUntil([&] {
    const Window window = WindowOf(fd);
    if (!window.known) return true;
    if (window.under_way > 0) return false;
    if (window.size > 0) SendMore(fd, std::min(window.size, kPart), sent);
    return window.size == 0;
  });
}

}  // namespace

OwnedFd OurSocket(int family, int type) {
  OwnedFd made(socket(family, type, 0));
  EXPECT_TRUE(made.is_open()) << "socket(): " << Call(made.get());
  return made;
}

OwnedFd OurListener(int family, int backlog) {
  OwnedFd listener = Bound(family, SOCK_STREAM);
  EXPECT_SUCCESS(listen(listener.get(), backlog));
  return listener;
}

OwnedFd OurDatagramSocket(int family) { return Bound(family, SOCK_DGRAM); }

OwnedFd AcceptFrom(const OwnedFd& listener) {
  EXPECT_NE(WaitFor(listener.get(), POLLIN), 0) << "no connection comes";
  OwnedFd accepted(accept(listener.get(), nullptr, nullptr));
  EXPECT_TRUE(accepted.is_open()) << "accept(): " << Call(accepted.get());
  return accepted;
}

Connection MakeConnection(int family, Origin origin) {
  const bool connects = origin == Origin::kConnected;
  const OwnedFd listener =
      connects ? PeerListener(family) : OurListener(family);
  OwnedFd connecting = connects ? OurSocket(family, SOCK_STREAM)
                                : PeerSocket(family, SOCK_STREAM);
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  EXPECT_SUCCESS(connect(connecting.get(), address.data(), address.size()));
  OwnedFd accepted = AcceptFrom(listener);
  if (connects) {
    // As peers are.
    EXPECT_SUCCESS(fcntl(accepted.get(), F_SETFD, FD_CLOEXEC));
    return {std::move(connecting), std::move(accepted)};
  }
  return {std::move(accepted), std::move(connecting)};
}

short WaitFor(int fd, short events, milliseconds deadline) {
  const Clock::time_point end = Clock::now() + deadline;
  pollfd watched = {fd, events, 0};
  for (;;) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(end - Clock::now());
    const int timeout = std::max<int>(0, static_cast<int>(left.count()));
    const int ready = poll(&watched, 1, timeout);
    if (ready > 0) return watched.revents;
    if (ready == 0) return 0;
    if (errno != EINTR) {
      ADD_FAILURE() << "poll(): " << Call(ready);
      return 0;
    }
  }
}

short Readiness(int fd, short events) {
  return WaitFor(fd, events, milliseconds(0));
}

bool SendAll(int fd, const std::string& data) {
  size_t sent = 0;
  while (sent < data.size()) {
    const ssize_t count =
        send(fd, data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += count;
    } else if (errno == EAGAIN) {
      if (WaitFor(fd, POLLOUT) == 0) break;
    } else if (errno != EINTR) {
      break;
    }
  }
  EXPECT_EQ(sent, data.size()) << "errno " << errno;
  return sent == data.size();
}

std::string Receive(int fd, size_t size) {
  std::string data(size, '\0');
  size_t received = 0;
  while (received < size && WaitFor(fd, POLLIN) != 0) {
    const ssize_t count = recv(fd, &data[received], size - received, 0);
    if (count > 0) {
      received += count;
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      EXPECT_EQ(Call(count), Gives(0));
      break;
    }
  }
  data.resize(received);
  return data;
}

std::string ReceiveToEnd(int fd) {
  std::string data;
  std::vector<char> buffer(65536);
  for (;;) {
    if (WaitFor(fd, POLLIN) == 0) {
      ADD_FAILURE() << "the stream doesn't end";
      return data;
    }
    const ssize_t count = recv(fd, buffer.data(), buffer.size(), 0);
    if (count > 0) {
      data.append(buffer.data(), count);
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      EXPECT_EQ(Call(count), Gives(0));
      return data;
    }
  }
}

AssertionResult Ends(int fd) {
  if (WaitFor(fd, POLLIN) == 0) {
    return AssertionFailure() << "nothing comes";
  }
  char byte;
  const Outcome outcome = Call(recv(fd, &byte, 1, MSG_DONTWAIT));
  if (outcome == Gives(0)) return AssertionSuccess();
  return AssertionFailure() << "recv() gives " << outcome;
}

AssertionResult IsReset(int fd) {
  if (WaitFor(fd, POLLIN) == 0) {
    return AssertionFailure() << "nothing comes";
  }
  char byte;
  const Outcome outcome = Call(recv(fd, &byte, 1, MSG_DONTWAIT));
  if (outcome == Fails(ECONNRESET)) return AssertionSuccess();
  return AssertionFailure() << "recv() gives " << outcome;
}

AssertionResult Talk(int a, int b) {
  const std::string question = testing::Pattern(0, 100, 1);
  const std::string answer = testing::Pattern(0, 100, 2);
  if (!SendAll(a, question) || Receive(b, question.size()) != question) {
    return AssertionFailure() << "the first direction";
  }
  if (!SendAll(b, answer) || Receive(a, answer.size()) != answer) {
    return AssertionFailure() << "the second direction";
  }
  return AssertionSuccess();
}

void Reset(OwnedFd* socket) {
  const linger abort = {1, 0};
  EXPECT_SUCCESS(
      setsockopt(socket->get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort)));
  socket->Reset(-1);
}

void SetNonBlocking(int fd, bool on) {
  const int flags = fcntl(fd, F_GETFL);
  EXPECT_SUCCESS(flags);
  EXPECT_SUCCESS(
      fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

int GetOption(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  EXPECT_SUCCESS(getsockopt(fd, level, name, &value, &size))
      << "level " << level << ", option " << name;
  EXPECT_EQ(size, sizeof(value));
  return value;
}

void SetOption(int fd, int level, int name, int value) {
  EXPECT_SUCCESS(setsockopt(fd, level, name, &value, sizeof(value)))
      << "level " << level << ", option " << name << ", value " << value;
}

// Not where the compiler sees it.
void* Nowhere() { return reinterpret_cast<void*>(8); }

size_t SendUntilFull(int fd) {
  SetNonBlocking(fd);
  size_t sent = 0;
  do {
    while (SendMore(fd, kPart, &sent)) {
    }
  } while (WaitFor(fd, POLLOUT, milliseconds(20)) != 0);
  return sent;
}

size_t Fill(int fd, int peer) {
  SetNonBlocking(fd);
  // Else both grow with time.
  SetOption(fd, SOL_SOCKET, SO_SNDBUF, kPart);
  SetOption(peer, SOL_SOCKET, SO_RCVBUF, kPart);
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  size_t sent = 0;
  for (size_t before = 1; before != sent;) {
    before = sent;
    CloseWindow(fd, &sent);
    while (SendMore(fd, kPart, &sent)) {
    }
  }
  return sent;
}

void ConnectionTest::SetUp() {
  connection_ = MakeConnection(family(), origin());
  ASSERT_FALSE(HasFailure());
}

int ConnectionTest::ReleaseOurs() { return connection_.ours.Release(); }

std::string FamilyName(const ::testing::TestParamInfo<int>& info) {
  return info.param == AF_INET ? "IPv4" : "IPv6";
}

std::string SocketName(
    const ::testing::TestParamInfo<std::tuple<int, int>>& info) {
  const auto [family, type] = info.param;
  return std::string(family == AF_INET ? "IPv4" : "IPv6") +
         (type == SOCK_STREAM ? "Stream" : "Datagram");
}

std::string ConnectionName(
    const ::testing::TestParamInfo<ConnectionKind>& info) {
  const auto [family, origin] = info.param;
  return std::string(family == AF_INET ? "IPv4" : "IPv6") +
         (origin == Origin::kConnected ? "Connected" : "Accepted");
}

}  // namespace wspd::preload
