#ifndef WSPD_TESTS_STRESS_TRANSFER_H_
#define WSPD_TESTS_STRESS_TRANSFER_H_

#include <cstdint>
#include <memory>

#include "tests/testing/spi.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {

// An overlapped send or receive.
struct Transfer {
  enum class Notice { kNone, kEvent, kRoutine };

  explicit Transfer(Notice how);

  // The routine to post it with, if any.
  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine() const;

  // Whether it is over and has said so in its way. For the thread that posted
  // it, which lets routines run.
  bool IsOver() const;
  // Waits for that, letting routines run. False at the deadline.
  bool Await(Clock::duration deadline = kDeadline) const;

  // As its status fields say, when it is over.
  DWORD error() const { return operation.error(); }
  size_t bytes() const { return operation.overlapped.InternalHigh; }
  // It was aborted and has said so, as it may not after a final cleanup.
  bool TellsOfAbort() const;

  Operation operation;  // first: the routine finds the whole from it
  const Notice notice;
  std::unique_ptr<Event> event;
  int routine_runs = 0;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_TRANSFER_H_
