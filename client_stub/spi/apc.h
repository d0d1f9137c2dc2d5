#ifndef WSPD_CLIENT_STUB_SPI_APC_H_
#define WSPD_CLIENT_STUB_SPI_APC_H_

#include <winsock2.h>
#include <ws2spi.h>

#include "client_stub/spi/library.h"

namespace wsp {

// What a completion routine is told, and by which thread.
struct CompletedOperation {
  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine = nullptr;
  WSATHREADID thread = {};
  DWORD error = 0;
  DWORD bytes = 0;
  LPWSAOVERLAPPED overlapped = nullptr;
  DWORD flags = 0;
};

// Has the routine run by the thread's next alertable wait, unless the final
// cleanup comes first. Unlocks for the upcall.
//
// The SPI client's queue holds our function and can't be told to forget it. So
// what was queued before the final cleanup still calls us afterwards: it runs
// no routine any more, but its code has to be there. PinForQueuedApcs therefore
// keeps the library loaded, in the rare case that something is queued, until
// the last of it has run; that one gives the library back with its last jump
// (what FreeLibraryWhenCallbackReturns is for on Windows).
void QueueCompletionRoutine(const WSPUPCALLTABLE& upcalls,
                            const CompletedOperation& completed)
    WSP_REQUIRES(g_library.mutex);

// In the final cleanup. Unlocks for a moment.
void PinForQueuedApcs() WSP_REQUIRES(g_library.mutex);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_APC_H_
