#ifndef WSPD_TESTS_PRELOAD_BEHAVIOUR_FIXTURE_H_
#define WSPD_TESTS_PRELOAD_BEHAVIOUR_FIXTURE_H_

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iterator>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/preload/behaviour/outcome.h"
#include "tests/preload/behaviour/peer_sockets.h"
#include "tests/preload/behaviour/socket_address.h"
#include "tests/testing/wait_until.h"

namespace wspd::preload {

using testing::Clock;
using testing::kDeadline;
using testing::milliseconds;
using testing::WaitUntil;

// *Ours* is what a case is about: a socket of the program, by socket() or
// accept(). *Peer* is a kernel socket (peer_sockets.h).

// A failure to make any of these is one of the case.
OwnedFd OurSocket(int family, int type);
OwnedFd OurListener(int family, int backlog = 64);
OwnedFd OurDatagramSocket(int family);  // bound to loopback
// The next connection of a listener, ours or the peer's; waits for it.
OwnedFd AcceptFrom(const OwnedFd& listener);

// Which end of a connection ours is.
enum class Origin { kConnected, kAccepted };

struct Connection {
  OwnedFd ours;
  OwnedFd peer;
};
Connection MakeConnection(int family, Origin origin);

// Waits until poll() says one of `events` (or an error, or a hang-up) of `fd`;
// what it said, 0 at the deadline.
short WaitFor(int fd, short events, milliseconds deadline = kDeadline);

// What poll() says now.
short Readiness(int fd, short events);

// Sends all, blocking or not; false and a failure if that is impossible.
bool SendAll(int fd, const std::string& data);

// `size` bytes, less if the stream ends or the deadline passes before.
std::string Receive(int fd, size_t size);

// Until the end of the stream, which has to be orderly.
std::string ReceiveToEnd(int fd);

// Whether the stream's end is what comes next, and in time.
::testing::AssertionResult Ends(int fd);
// Whether what comes next is the connection's reset.
::testing::AssertionResult IsReset(int fd);

// Sends bytes both ways and compares them.
::testing::AssertionResult Talk(int a, int b);

// With SO_LINGER {1, 0}: resets a connection.
void Reset(OwnedFd* socket);

void SetNonBlocking(int fd, bool on = true);
int GetOption(int fd, int level, int name);
void SetOption(int fd, int level, int name, int value);

// An address without memory, for EFAULT.
void* Nowhere();

// Sends a pattern until there is room for no more, and makes the socket
// non-blocking for that. How much went in.
size_t SendUntilFull(int fd);
// The same with buffers of a fixed size, so that it stays full until `peer`
// receives.
size_t Fill(int fd, int peer);

// Cases for each family; `GetParam()` is the family.
class FamilyTest : public ::testing::TestWithParam<int> {
 protected:
  int family() const { return GetParam(); }
};

// Cases for each family and type of socket.
class SocketTest : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  int family() const { return std::get<0>(GetParam()); }
  int type() const { return std::get<1>(GetParam()); }
  OwnedFd Socket() const { return OurSocket(family(), type()); }
};

using ConnectionKind = std::tuple<int, Origin>;

// Cases for a connection of each family that our side made or accepted.
class ConnectionTest : public ::testing::TestWithParam<ConnectionKind> {
 protected:
  void SetUp() override;

  int family() const { return std::get<0>(GetParam()); }
  Origin origin() const { return std::get<1>(GetParam()); }
  int ours() const { return connection_.ours.get(); }
  int peer() const { return connection_.peer.get(); }
  void CloseOurs() { connection_.ours.Reset(-1); }
  void ClosePeer() { connection_.peer.Reset(-1); }
  // Ours without closing it, where a case closes in its own way.
  int ReleaseOurs();

  Connection connection_;
};

// "IPv4", "IPv6Datagram", "IPv4Accepted".
std::string FamilyName(const ::testing::TestParamInfo<int>& info);
std::string SocketName(
    const ::testing::TestParamInfo<std::tuple<int, int>>& info);
std::string ConnectionName(
    const ::testing::TestParamInfo<ConnectionKind>& info);

// Of cases for (family, something with a name) or (family, origin, something
// with a name): "IPv4Poll", "IPv6AcceptedDup2".
struct NameOf {
  template <typename Named>
  std::string operator()(
      const ::testing::TestParamInfo<std::tuple<int, Named>>& info) const {
    return FamilyName({std::get<0>(info.param), 0}) +
           std::get<1>(info.param).name;
  }
  template <typename Named>
  std::string operator()(
      const ::testing::TestParamInfo<std::tuple<int, Origin, Named>>& info)
      const {
    const auto& [family, origin, named] = info.param;
    return ConnectionName({ConnectionKind(family, origin), 0}) + named.name;
  }
};

// For cases about what is the same for both families: each of `named` with a
// connection that is made over IPv4 and one that is accepted over IPv6.
template <typename Range>
auto WithBothEnds(const Range& named) {
  using Named = std::decay_t<decltype(*std::begin(named))>;
  std::vector<std::tuple<int, Origin, Named>> all;
  for (const Named& one : named) {
    all.emplace_back(AF_INET, Origin::kConnected, one);
    all.emplace_back(AF_INET6, Origin::kAccepted, one);
  }
  return all;
}

#define INSTANTIATE_FOR_FAMILIES(suite)                                   \
  INSTANTIATE_TEST_SUITE_P(, suite, ::testing::Values(AF_INET, AF_INET6), \
                           ::wspd::preload::FamilyName)
#define INSTANTIATE_FOR_SOCKETS(suite)                                \
  INSTANTIATE_TEST_SUITE_P(                                           \
      , suite,                                                        \
      ::testing::Combine(::testing::Values(AF_INET, AF_INET6),        \
                         ::testing::Values(SOCK_STREAM, SOCK_DGRAM)), \
      ::wspd::preload::SocketName)
#define INSTANTIATE_FOR_CONNECTIONS(suite)                           \
  INSTANTIATE_TEST_SUITE_P(                                          \
      , suite,                                                       \
      ::testing::Combine(                                            \
          ::testing::Values(AF_INET, AF_INET6),                      \
          ::testing::Values(Origin::kConnected, Origin::kAccepted)), \
      ::wspd::preload::ConnectionName)

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_FIXTURE_H_
