#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_APC_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_APC_H_

#include <winsock2.h>
#include <ws2spi.h>

namespace wspd::spi_client {

// The calling thread's id, as ws2_32 hands it to the overlapped calls. Belongs
// to the thread and lasts as long as it: never give it to CloseThreadId.
WSATHREADID CurrentThreadId();

// WPUOpenCurrentThread: an id of the calling thread of its own, which
// CloseThreadId ends. Returns 0, or SOCKET_ERROR and the error.
int OpenCurrentThreadId(LPWSATHREADID id, LPINT error);
int CloseThreadId(LPWSATHREADID id, LPINT error);

// WPUQueueApc: has `apc(context)` run by the thread in its next alertable wait
// (WaitForEvents, SleepAlertable), in the order queued. WSAEFAULT for an id
// that is none, closed, or of a thread that has ended. What a thread leaves
// queued when it ends never runs.
int QueueApc(LPWSATHREADID id, LPWSAUSERAPC apc, DWORD_PTR context,
             LPINT error);

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_APC_H_
