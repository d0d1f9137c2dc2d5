#ifndef WSPD_TESTS_CONFORMANCE_SELECT_FIXTURE_H_
#define WSPD_TESTS_CONFORMANCE_SELECT_FIXTURE_H_

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "tests/conformance/fixture.h"
#include "tests/testing/wait_until.h"

namespace wspd::conformance {

constexpr TIMEVAL kAtOnce = {0, 0};
constexpr TIMEVAL kSoon = {kSoonMs / 1000, 0};
constexpr TIMEVAL kShortly = {0, kNotAtAllMs * 1000};

// A set of any size, with memory for no more sockets than it has.
class SocketSet {
 public:
  explicit SocketSet(const std::vector<SOCKET>& sockets)
      : memory_(offsetof(fd_set, fd_array) + sockets.size() * sizeof(SOCKET)) {
    get()->fd_count = static_cast<u_int>(sockets.size());
    if (sockets.empty()) return;
    std::memcpy(get()->fd_array, sockets.data(),
                sockets.size() * sizeof(SOCKET));
  }
  fd_set* get() { return reinterpret_cast<fd_set*>(memory_.data()); }
  std::vector<SOCKET> sockets() {
    std::vector<SOCKET> sockets(get()->fd_count);
    if (sockets.empty()) return sockets;
    std::memcpy(sockets.data(), get()->fd_array,
                sockets.size() * sizeof(SOCKET));
    return sockets;
  }

 private:
  std::vector<char> memory_;
};

class SelectTest : public ConformanceTest {
 protected:
  // Ends the case where the provider has no such function: it would wait in
  // vain.
  void SetUp() override {
    ConformanceTest::SetUp();
    if (HasFatalFailure()) return;
    const SOCKET probe = NewSocket(Family::kIpv4);
    SocketSet read({probe});
    int ready = 0;
    ASSERT_NE(Select(read.get(), nullptr, nullptr, &kAtOnce, &ready),
              WsaCode{WSAEOPNOTSUPP});
    EXPECT_EQ(Close(probe), kOk);
  }

  // One socket in one set: whether it is ready by the time limit.
  bool Readable(SOCKET s, const TIMEVAL& limit = kAtOnce) {
    return Ready(0, s, limit);
  }
  bool Writable(SOCKET s, const TIMEVAL& limit = kAtOnce) {
    return Ready(1, s, limit);
  }
  bool Exceptional(SOCKET s, const TIMEVAL& limit = kAtOnce) {
    return Ready(2, s, limit);
  }
  // "r", "w", "x" and what they make together, of a socket in all three sets,
  // as soon as it is ready for something.
  std::string ReadyFor(SOCKET s, const TIMEVAL& limit = kAtOnce) {
    SocketSet read({s}), write({s}), except({s});
    int ready = 0;
    EXPECT_EQ(Select(read.get(), write.get(), except.get(), &limit, &ready),
              kOk);
    std::string result = std::string(read.sockets().size(), 'r') +
                         std::string(write.sockets().size(), 'w') +
                         std::string(except.sockets().size(), 'x');
    EXPECT_EQ(ready, static_cast<int>(result.size()));
    return result;
  }
  // What a socket is ready for once it is `expected`, or at the deadline.
  std::string ReadyForAtLast(SOCKET s, const std::string& expected) {
    std::string last;
    testing::WaitUntil([&] { return (last = ReadyFor(s)) == expected; },
                       testing::milliseconds(kSoonMs));
    return last;
  }

  SOCKET NewConnecting(const Endpoint& endpoint) {
    const SOCKET s = NewSocket(endpoint.family);
    EXPECT_EQ(SetNonBlocking(s), kOk);
    EXPECT_THAT(Connect(s, SockAddr::Of(endpoint)),
                ::testing::AnyOf(WsaCode{WSAEWOULDBLOCK},
                                 WsaCode{WSAECONNREFUSED}, kOk));
    return s;
  }

 private:
  bool Ready(int which, SOCKET s, const TIMEVAL& limit) {
    SocketSet set({s});
    fd_set* sets[3] = {nullptr, nullptr, nullptr};
    sets[which] = set.get();
    int ready = 0;
    EXPECT_EQ(Select(sets[0], sets[1], sets[2], &limit, &ready), kOk);
    EXPECT_EQ(ready, static_cast<int>(set.sockets().size()));
    return ready == 1;
  }
};

}  // namespace wspd::conformance

#endif  // WSPD_TESTS_CONFORMANCE_SELECT_FIXTURE_H_
