#include "tests/lifecycle/upcall_gate.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "client_stub/spi_client/upcalls.h"

namespace wspd::testing {
namespace {

struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  WSAEVENT event = nullptr;
  bool reached = false;
  bool open = false;

  void Pass(WSAEVENT which) {
    std::unique_lock<std::mutex> lock(mutex);
    if (which != event) return;
    reached = true;
    changed.notify_all();
    changed.wait(lock, [this] { return open; });
  }
} gate;

std::atomic<int> late_upcalls_noted{0};
std::atomic<bool> cleaned_up{false};

void NoteUpcall() {
  if (cleaned_up) ++late_upcalls_noted;
}

BOOL WSPAPI GatedSetEvent(WSAEVENT event, LPINT error) {
  NoteUpcall();
  gate.Pass(event);
  return spi_client::Upcalls().lpWPUSetEvent(event, error);
}

BOOL WSPAPI GatedPostMessage(HWND window, UINT message, WPARAM wparam,
                             LPARAM lparam) {
  NoteUpcall();
  return spi_client::Upcalls().lpWPUPostMessage(window, message, wparam,
                                                lparam);
}

int WSPAPI GatedQueueApc(LPWSATHREADID thread, LPWSAUSERAPC apc,
                         DWORD_PTR context, LPINT error) {
  NoteUpcall();
  return spi_client::Upcalls().lpWPUQueueApc(thread, apc, context, error);
}

}  // namespace

WSPUPCALLTABLE UpcallGate::Upcalls() {
  WSPUPCALLTABLE upcalls = spi_client::Upcalls();
  upcalls.lpWPUSetEvent = GatedSetEvent;
  upcalls.lpWPUPostMessage = GatedPostMessage;
  upcalls.lpWPUQueueApc = GatedQueueApc;
  return upcalls;
}

void UpcallGate::Reset() {
  CloseFor(nullptr);
  cleaned_up = false;
  late_upcalls_noted = 0;
}

void UpcallGate::CloseFor(WSAEVENT event) {
  const std::lock_guard<std::mutex> lock(gate.mutex);
  gate.event = event;
  gate.reached = gate.open = false;
}

void UpcallGate::AwaitReached() {
  std::unique_lock<std::mutex> lock(gate.mutex);
  gate.changed.wait(lock, [] { return gate.reached; });
}

void UpcallGate::Open() {
  const std::lock_guard<std::mutex> lock(gate.mutex);
  gate.open = true;
  gate.event = nullptr;
  gate.changed.notify_all();
}

void UpcallGate::NoteCleanup() { cleaned_up = true; }

int UpcallGate::late_upcalls() { return late_upcalls_noted; }

}  // namespace wspd::testing
