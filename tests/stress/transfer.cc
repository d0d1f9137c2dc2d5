#include "tests/stress/transfer.h"

#include "client_stub/spi_client/event.h"

namespace wspd::testing {
namespace {

void CALLBACK CountRun(DWORD, DWORD, LPWSAOVERLAPPED overlapped, DWORD) {
  ++reinterpret_cast<Transfer*>(overlapped)->routine_runs;
}

}  // namespace

Transfer::Transfer(Notice how) : notice(how) {
  if (how != Notice::kEvent) return;
  event = std::make_unique<Event>();
  operation.overlapped.hEvent = event->get();
}

LPWSAOVERLAPPED_COMPLETION_ROUTINE Transfer::routine() const {
  return notice == Notice::kRoutine ? CountRun : nullptr;
}

bool Transfer::IsOver() const {
  if (operation.is_pending()) return false;
  switch (notice) {
    case Notice::kNone:
      return true;
    case Notice::kEvent:
      return event->IsSet();
    case Notice::kRoutine:
      return routine_runs > 0;
  }
  return false;
}

bool Transfer::TellsOfAbort() const {
  return error() == WSA_OPERATION_ABORTED &&
         ((event != nullptr && event->IsSet()) || routine_runs != 0);
}

bool Transfer::Await(Clock::duration deadline) const {
  const Clock::time_point end = Clock::now() + deadline;
  while (!IsOver()) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(end - Clock::now()).count();
    if (left <= 0) return false;
    switch (notice) {
      case Notice::kEvent:
        event->Wait(static_cast<DWORD>(left));
        break;
      case Notice::kRoutine:
        spi_client::SleepAlertable(static_cast<DWORD>(left));
        break;
      case Notice::kNone:  // nothing announces it
        spi_client::SleepAlertable(1);
    }
  }
  return true;
}

}  // namespace wspd::testing
