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

using WaitingCallParameter = std::tuple<int, WaitingCallKind>;

// All calls that send, receive, accept, connect and wait for readiness, and the
// fortified ones: each for both families, but for those that only differ in how
// the same is said, which take turns.
const std::vector<WaitingCallParameter>& WaitingCalls();

// Cases for each family and kind.
class WaitingCallTest : public ::testing::TestWithParam<WaitingCallParameter> {
 protected:
  void SetUp() override;
  static const WaitingCallKind& kind() { return std::get<1>(GetParam()); }

  std::unique_ptr<WaitingCall> call_;
};

#define INSTANTIATE_FOR_WAITING_CALLS(suite)                             \
  INSTANTIATE_TEST_SUITE_P(, suite, ::testing::ValuesIn(WaitingCalls()), \
                           NameOf())

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_WAITING_CALL_H_
