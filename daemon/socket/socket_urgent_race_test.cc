// Urgent bytes that come in the midst of a receive: between any two of the
// system calls that it is made of.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <string>

#include "daemon/socket/socket_urgent_fixture.h"
#include "gtest/gtest.h"

namespace {

// The socket whose system calls are counted, -1 for none; only the test's own
// thread makes any.
int watched_fd = -1;
// Called before each, with its number.
std::function<void(int)> before_call;
int calls = 0;

void NoteCall(int fd) {
  if (fd != watched_fd || before_call == nullptr) return;
  // Not for the calls that are made there.
  watched_fd = -1;
  before_call(calls++);
  watched_fd = fd;
}

}  // namespace

// Those that look at the urgent byte or take something, in the place of the C
// library's.
extern "C" ssize_t recv(int fd, void* data, size_t size, int flags) {
  NoteCall(fd);
  return syscall(SYS_recvfrom, fd, data, size, flags, nullptr, nullptr);
}
extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  NoteCall(fd);
  return static_cast<int>(syscall(SYS_ioctl, fd, request, argument));
}
extern "C" int setsockopt(int fd, int level, int option, const void* value,
                          socklen_t size) noexcept {
  NoteCall(fd);
  return static_cast<int>(
      syscall(SYS_setsockopt, fd, level, option, value, size));
}

namespace wspd {
namespace {

class UrgentRaceTest : public SocketUrgentTest {
 protected:
  // Sends, and waits until the kernel has it.
  void Deliver(const std::string& data, int flags = 0) {
    PeerSends(data, flags);
    delivered_ += data.size();
    const absl::Time end = absl::Now() + absl::Minutes(1);
    while (Arrived() < delivered_ && absl::Now() < end) {
      std::this_thread::yield();
    }
    EXPECT_EQ(Arrived(), delivered_);
  }
  uint64_t Arrived() const {
    // The kernel's goes on behind the C library's.
    struct {
      tcp_info info;
      uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
    } info{};
    socklen_t size = sizeof(info);
    EXPECT_EQ(getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    EXPECT_EQ(size, sizeof(info));
    return info.bytes_received;
  }

  // What receives of so many bytes give, in ways that are made of different
  // calls.
  std::string ReceiveSome(size_t max_bytes) {
    (void)CountUnread();
    Receive(max_bytes, MSG_PEEK);
    std::string data = Receive(max_bytes);
    if (data == "-") data.clear();
    return data;
  }

  // Has the peer send `before`, of which capital letters are urgent and taken,
  // and then `meanwhile` at the call with this number, and `later` at one of
  // the next. What was received is in `stream_` and `urgent_`; false if there
  // were fewer calls.
  bool Run(const std::string& before, size_t max_bytes, int at,
           const std::string& meanwhile, const std::string& later = "",
           int calls_later = 0) {
    Connect();
    delivered_ = 0;
    fd_ = socket_->WithFd([](int fd) { return fd; });
    for (const char byte : before) {
      const bool urgent = byte >= 'A' && byte <= 'Z';
      Deliver(std::string(1, byte), urgent ? MSG_OOB : 0);
      if (urgent) socket_->CountUrgent();
    }
    bool sent = false;
    calls = 0;
    before_call = [&](int number) {
      if (number != at && number != at + calls_later) return;
      sent |= number == at + calls_later;
      for (const char byte : number == at ? meanwhile : later) {
        Deliver(std::string(1, byte), byte == '!' || byte == '?' ? MSG_OOB : 0);
      }
    };
    watched_fd = fd_;
    // As far as everything has been received, and once more.
    stream_.clear();
    for (int idle = 0; idle < 2;) {
      const std::string data = ReceiveSome(max_bytes);
      stream_ += data;
      idle = data.empty() ? idle + 1 : 0;
    }
    watched_fd = -1;
    before_call = nullptr;
    Deliver("z");
    stream_ += ReceiveAll(max_bytes);
    urgent_ = ReceiveUrgent();
    return sent;
  }

  // The stream without what was sent as urgent meanwhile.
  std::string Ordinary() const {
    std::string data = stream_;
    const auto is_urgent = [](char byte) { return byte == '!' || byte == '?'; };
    data.erase(std::remove_if(data.begin(), data.end(), is_urgent), data.end());
    return data;
  }
  // How often it was received, either way.
  int64_t CountReceived(char byte) const {
    return std::count(stream_.begin(), stream_.end(), byte) +
           std::count(urgent_.begin(), urgent_.end(), byte);
  }

  int fd_ = -1;
  uint64_t delivered_ = 0;
  std::string stream_, urgent_;
};

struct Beginning {
  // Capital letters are urgent.
  const char* sent;
  const char* stream;
  const char* urgent;
};
constexpr Beginning kBeginnings[] = {
    {"", "", ""},           {"a", "a", ""},           {"abc", "abc", ""},
    {"A", "", "A"},         {"aA", "a", "A"},         {"aAb", "ab", "A"},
    {"Aab", "ab", "A"},     {"abAB", "ab", "AB"},     {"aAbB", "ab", "AB"},
    {"aAbBc", "abc", "AB"}, {"abABcC", "abc", "ABC"},
};

class OneRacingTest
    : public UrgentRaceTest,
      public testing::WithParamInterface<std::tuple<Beginning, size_t>> {};
INSTANTIATE_TEST_SUITE_P(, OneRacingTest,
                         testing::Combine(testing::ValuesIn(kBeginnings),
                                          testing::Values(1, 2, 100)));

// It is urgent, and no part of the stream, whenever it comes.
TEST_P(OneRacingTest, IsUrgent) {
  const auto& [beginning, max_bytes] = GetParam();
  for (const std::string meanwhile : {"!", "x!", "!x", "x!y"}) {
    std::string ordinary = meanwhile;
    ordinary.erase(ordinary.find('!'), 1);
    int at = 0;
    for (; Run(beginning.sent, max_bytes, at, meanwhile); ++at) {
      EXPECT_EQ(stream_, beginning.stream + ordinary + "z-")
          << meanwhile << " at " << at;
      EXPECT_EQ(urgent_, std::string(beginning.urgent) + "!")
          << meanwhile << " at " << at;
      if (HasFailure()) return;
    }
    EXPECT_GT(at, 10) << "system calls";
  }
}

// Of two the kernel may know the second alone. The first is lost then, or a
// part of the stream; the rest isn't harmed.
TEST_P(OneRacingTest, ByTwoTheStreamIsNotHarmed) {
  const auto& [beginning, max_bytes] = GetParam();
  for (const std::string meanwhile : {"!?", "!x?", "x!?", "!?x"}) {
    std::string ordinary = meanwhile;
    for (const char byte : {'!', '?'}) ordinary.erase(ordinary.find(byte), 1);
    for (int at = 0; Run(beginning.sent, max_bytes, at, meanwhile); ++at) {
      EXPECT_EQ(Ordinary(), beginning.stream + ordinary + "z-")
          << meanwhile << " at " << at << ": " << stream_;
      EXPECT_LE(CountReceived('!'), 1) << meanwhile << " at " << at;
      EXPECT_EQ(CountReceived('?'), 1) << meanwhile << " at " << at;
      EXPECT_EQ(urgent_.back(), '?') << meanwhile << " at " << at;
      if (HasFailure()) return;
    }
  }
}

// The second while the first is being looked at.
TEST_P(OneRacingTest, ByOneMoreTheStreamIsNotHarmed) {
  const auto& [beginning, max_bytes] = GetParam();
  for (const std::string meanwhile : {"!", "x!y"}) {
    for (int calls_later = 1; calls_later < 8; ++calls_later) {
      std::string ordinary = meanwhile;
      ordinary.erase(ordinary.find('!'), 1);
      for (int at = 0;
           Run(beginning.sent, max_bytes, at, meanwhile, "?", calls_later);
           ++at) {
        const std::string when = meanwhile + " at " + std::to_string(at) +
                                 " and " + std::to_string(calls_later);
        EXPECT_EQ(Ordinary(), beginning.stream + ordinary + "z-")
            << when << ": " << stream_;
        EXPECT_LE(CountReceived('!'), 1) << when;
        EXPECT_EQ(CountReceived('?'), 1) << when;
        EXPECT_EQ(urgent_.back(), '?') << when;
        if (HasFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace wspd
