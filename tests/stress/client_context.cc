#include "tests/stress/client_context.h"

#include <string>
#include <utility>

#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

constexpr milliseconds kBetweenLooks(20);

// `wait` waits for that long.
template <typename Wait>
bool AwaitUnless(const std::atomic<bool>& cleaning, const Wait& wait) {
  const Clock::time_point end = Clock::now() + kDeadline;
  while (!cleaning && Clock::now() < end) {
    if (wait()) return true;
  }
  return false;
}

}  // namespace

size_t AnySize(Random* random, size_t most) {
  size_t size = most;
  while (size > 1 && (*random)() % 8 != 0) size /= 2;
  return 1 + (*random)() % size;
}

bool ClientContext::Check(const char* call, WsaCode code) {
  if (code.ok()) return true;
  if (!*cleaning) ledger->Fault(0, std::string(call) + ": " + ToString(code));
  return false;
}

bool ClientContext::Await(const Transfer& transfer) const {
  return AwaitUnless(*cleaning,
                     [&] { return transfer.Await(kBetweenLooks); }) ||
         transfer.IsOver();
}

bool ClientContext::Await(const Event& event) const {
  return AwaitUnless(*cleaning, [&] {
    return event.Wait(static_cast<DWORD>(kBetweenLooks.count()));
  });
}

bool ClientContext::Finish(const char* call, WsaCode code,
                           std::unique_ptr<Transfer>* transfer, size_t* bytes) {
  if (!code.ok() && code != kPending) return Check(call, code);
  if (!Await(**transfer)) {
    overtaken.push_back(std::move(*transfer));
    return Check(call, {WSAETIMEDOUT});
  }
  *bytes = (*transfer)->bytes();
  return Check(call, {static_cast<int>((*transfer)->error())});
}

bool ClientContext::AwaitNetworkEvent(SOCKET s, const Event& event, LONG wanted,
                                      WSANETWORKEVENTS* occurred) {
  LONG told = 0;
  while ((told & wanted) == 0) {
    if (!Await(event)) return Check("a network event", {WSAETIMEDOUT});
    // The errors of events that aren't told of now stay.
    if (!Check("WSPEnumNetworkEvents",
               spi->EnumNetworkEvents(s, event.get(), occurred))) {
      return false;
    }
    ledger->Add(Count::kNetworkEvents, occurred->lNetworkEvents != 0);
    told |= occurred->lNetworkEvents;
  }
  occurred->lNetworkEvents = told;
  return true;
}

bool ClientContext::Unregister(SOCKET s) {
  return Check("WSPEventSelect of nothing", spi->EventSelect(s, nullptr, 0)) &&
         Check("FIONBIO", spi->SetNonBlocking(s, false));
}

}  // namespace wspd::testing
