#ifndef WSPD_CLIENT_STUB_SPI_APC_H_
#define WSPD_CLIENT_STUB_SPI_APC_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>

#include "client_stub/spi/library.h"

namespace wsp {

// What a completion routine is told, and by which thread.
struct CompletedOperation {
  // Of the socket.
  uint64_t socket_id = 0;
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
// Routines of one socket never nest (reference, section 4.1), though APCs do:
// one that waits alertably has the next ones run inside itself. A routine whose
// turn comes inside another one of its socket is put off until that has
// returned, and runs in the same alertable wait as that. If the thread leaves
// it by a jump instead, what was put off is queued again.
//
// The SPI client's queue holds our function and can't be told to forget it. So
// what was queued before the final cleanup still calls us afterwards: it runs
// no routine any more, but its code has to be there, as it has behind a routine
// that is running. PinForQueuedApcs therefore keeps the library loaded, in the
// rare case that something is queued or runs, until the last of it is over;
// that one gives the library back with its last jump (what
// FreeLibraryWhenCallbackReturns is for on Windows).
void QueueCompletionRoutine(const WSPUPCALLTABLE& upcalls,
                            const CompletedOperation& completed)
    WSP_REQUIRES(g_library.mutex);

// In the final cleanup. Unlocks for a moment.
void PinForQueuedApcs() WSP_REQUIRES(g_library.mutex);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_APC_H_
