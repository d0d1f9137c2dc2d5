#ifndef WSPD_TESTS_PRELOAD_BEHAVIOUR_WAITING_CALL_H_
#define WSPD_TESTS_PRELOAD_BEHAVIOUR_WAITING_CALL_H_

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "tests/preload/behaviour/fixture.h"

namespace wspd::preload {

// A call that waits in a socket of ours, and what ends its wait.
class WaitingCall {
 public:
  virtual ~WaitingCall() = default;
  virtual Outcome Make() = 0;
  // Lets it succeed.
  virtual void Satisfy() = 0;
  // Whether its socket still works, after Satisfy.
  virtual ::testing::AssertionResult Works() = 0;
};

struct WaitingCallKind {
  const char* name;
  std::unique_ptr<WaitingCall> (*make)(int family);
  // Whether SA_RESTART restarts it (signal(7)).
  bool restarts;
  // Whether it is a cancellation point (pthreads(7)).
  bool cancels = true;
};

// recv, recvfrom, recvmsg, recvmmsg, read, readv, send, write, sendmsg, accept,
// accept4, connect, datagram recv, poll, select, epoll_wait, sendfile, splice.
const std::vector<WaitingCallKind>& WaitingCallKinds();

using WaitingCallParameter = std::tuple<int, WaitingCallKind>;

// Cases for each family and kind.
class WaitingCallTest : public ::testing::TestWithParam<WaitingCallParameter> {
 protected:
  void SetUp() override;
  static const WaitingCallKind& kind() { return std::get<1>(GetParam()); }

  std::unique_ptr<WaitingCall> call_;
};

#define INSTANTIATE_FOR_WAITING_CALLS(suite)                       \
  INSTANTIATE_TEST_SUITE_P(                                        \
      , suite,                                                     \
      ::testing::Combine(::testing::Values(AF_INET, AF_INET6),     \
                         ::testing::ValuesIn(WaitingCallKinds())), \
      NameOf())

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_WAITING_CALL_H_
