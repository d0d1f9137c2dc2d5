// Provider: telling the application what has ended.
#include <mswsock.h>

#include <utility>

#include "client_stub/spi/apc.h"
#include "client_stub/spi/completion_request.h"
#include "client_stub/spi/provider.h"

namespace wsp {

void Provider::Indicate() {
  const uint64_t last = notifications_.asked();
  for (;;) {
    if (Operation* operation = indications_.PopFront()) {
      IndicateOne(operation);
    } else if (!opened_threads_.empty()) {
      CloseOpenedThread();
    } else if (StubSocket* socket = handles_due_.PopFront()) {
      GiveBackHandle(socket);
    } else if (notifications_.IsDueUpTo(last)) {
      notifications_.Run(upcalls(), last);
    } else {
      break;
    }
  }
  // It goes on with what has come meanwhile.
  WakeServiceIfDue();
}

void Provider::WakeServiceIfDue() {
  if (has_indications() && service_.running()) service_.waiter()->Wake();
}

void Provider::CloseOpenedThread() {
  WSATHREADID thread = opened_threads_.back();
  opened_threads_.pop_back();
  const WSPUPCALLTABLE& table = upcalls();
  g_library.mutex.Unlock();
  {
    const UpcallScope scope;
    int error;
    table.lpWPUCloseThread(&thread, &error);
  }
  g_library.mutex.Lock();
}

void Provider::GiveBackHandle(StubSocket* socket) {
  const SOCKET handle = socket->handle;
  const int descriptor = socket->descriptor;
  Release(socket);
  if (descriptor >= 0) return KernelHandles::CloseHandle(descriptor);
  const WSPUPCALLTABLE& table = upcalls();
  g_library.mutex.Unlock();
  {
    const UpcallScope scope;
    int error;
    table.lpWPUCloseSocketHandle(handle, &error);
  }
  g_library.mutex.Lock();
}

void Provider::IndicateOne(Operation* operation) {
  // The operation may go before all is told.
  StubSocket* const socket = operation->socket;
  ++socket->references;
  ++socket->untold;
  Tell(operation);
  EndTelling(socket);
  Release(socket);
}

void Provider::Tell(Operation* operation) {
  const WSPUPCALLTABLE& table = upcalls();
  CompletedOperation completed;
  completed.socket_id = operation->socket->id;
  completed.routine = operation->routine;
  completed.thread = operation->thread;
  completed.error = operation->error;
  completed.bytes = static_cast<DWORD>(operation->bytes);
  completed.overlapped = operation->overlapped;
  completed.flags = operation->result_flags;
  const WSAEVENT event = operation->event;
  const SOCKET handle = operation->socket->handle;
  const bool sends_no_packet = operation->sends_no_packet;
  // Not before the routine is queued.
  const bool opened_thread = std::exchange(operation->opened_thread, false);
  FreeIfUnused(operation);
  if (completed.routine != nullptr) {
    QueueCompletionRoutine(table, completed);
    if (opened_thread) CloseThread(completed.thread);
    return;
  }
  g_library.mutex.Unlock();
  if (event != nullptr) {
    const UpcallScope scope;
    int error;
    table.lpWPUSetEvent(event, &error);
  }
  if (!sends_no_packet) {
    RequestCompletion(handle, completed.overlapped, completed.error,
                      completed.bytes, event != nullptr);
  }
  g_library.mutex.Lock();
}

}  // namespace wsp
