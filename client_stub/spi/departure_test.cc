#include "client_stub/spi/departure.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include <string>

namespace wsp {
namespace {

// What happens, in order.
std::string trace;
jmp_buf way_out;

void Depart(void* name) { trace += static_cast<const char*>(name); }

TEST(DepartureTest, ReturningIsNone) {
  trace.clear();
  RunWatched([](void*) { trace += "run"; }, Depart, const_cast<char*>("!"));
  EXPECT_EQ(trace, "run");
}

void Jump(void*) { longjmp(way_out, 1); }

void RunNested(void*) { RunWatched(Jump, Depart, const_cast<char*>("inner ")); }

TEST(DepartureTest, JumpPastItIsOneFromTheInnermostOn) {
  trace.clear();
  if (setjmp(way_out) == 0) {
    RunWatched(RunNested, Depart, const_cast<char*>("outer "));
  }
  EXPECT_EQ(trace, "inner outer ");
}

void JumpWithin(void*) {
  if (setjmp(way_out) == 0) Jump(nullptr);
}

TEST(DepartureTest, JumpWithinIsNone) {
  trace.clear();
  RunWatched(JumpWithin, Depart, const_cast<char*>("!"));
  EXPECT_EQ(trace, "");
}

TEST(DepartureTest, JumpOutOfAHandlerOnAStackOfItsOwnIsOne) {
  static char stack[64 << 10];
  stack_t own = {};
  own.ss_sp = stack;
  own.ss_size = sizeof stack;
  ASSERT_EQ(sigaltstack(&own, nullptr), 0);
  struct sigaction action = {};
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  action.sa_handler = [](int) { Jump(nullptr); };
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  trace.clear();
  if (setjmp(way_out) == 0) {
    RunWatched([](void*) { raise(SIGUSR1); }, Depart, const_cast<char*>("x"));
  }
  EXPECT_EQ(trace, "x");
  own.ss_flags = SS_DISABLE;
  sigaltstack(&own, nullptr);
}

TEST(DepartureTest, EndOfTheThreadIsOne) {
  trace.clear();
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void*) -> void* {
                  RunWatched([](void*) { pthread_exit(nullptr); }, Depart,
                             const_cast<char*>("x"));
                  return nullptr;
                },
                nullptr),
            0);
  pthread_join(thread, nullptr);
  EXPECT_EQ(trace, "x");
}

}  // namespace
}  // namespace wsp
