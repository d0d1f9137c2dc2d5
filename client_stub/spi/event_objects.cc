#include "client_stub/spi/event_objects.h"

#include <atomic>

#include "client_stub/spi/library.h"
#include "client_stub/spi/loader.h"

namespace wsp {
namespace {

// Null if there is none.
std::atomic<decltype(&WSAWaitForMultipleEvents)> wait_for_events{nullptr};

}  // namespace

void FindEventFunctions() {
  wait_for_events.store(reinterpret_cast<decltype(&WSAWaitForMultipleEvents)>(
                            FindExport("WSAWaitForMultipleEvents")),
                        std::memory_order_release);
}

bool IsOpenEvent(WSAEVENT event) {
  const auto wait = wait_for_events.load(std::memory_order_acquire);
  if (wait == nullptr) return true;
  const UpcallScope scope;
  // Events stay as they are, signalled or not.
  return wait(1, &event, FALSE, 0, FALSE) != WSA_WAIT_FAILED;
}

}  // namespace wsp
