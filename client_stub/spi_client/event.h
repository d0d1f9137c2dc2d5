#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_EVENT_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_EVENT_H_

#include <winsock2.h>

namespace wspd::spi_client {

// Manual-reset event objects, as WPUCreateEvent and its kin need them. On
// Windows they are the system's own. All functions may be called from any
// thread. A handle that isn't an open event gives FALSE and
// WSA_INVALID_HANDLE; the two low bits of a handle are ignored.

// Returns WSA_INVALID_EVENT and WSAENOBUFS if there is no room.
WSAEVENT OpenEventObject(LPINT error);
BOOL CloseEventObject(WSAEVENT event, LPINT error);
BOOL SetEventObject(WSAEVENT event, LPINT error);
BOOL ResetEventObject(WSAEVENT event, LPINT error);

// Waits for one, or with `wait_all` for all, of `count` events (at most
// WSA_MAXIMUM_WAIT_EVENTS) to be signalled, at most `timeout_ms` or forever
// (WSA_INFINITE). An event already signalled wins over a queued APC, and that
// over a passed time limit.
//
// WSA_WAIT_EVENT_0 + i  event i is signalled, the lowest of those that are
//                       (with `wait_all`: WSA_WAIT_EVENT_0, all are)
// WSA_WAIT_IO_COMPLETION  `alertable`, and at least one APC of the calling
//                       thread has run, inside this call
// WSA_WAIT_TIMEOUT      the time has passed
// WSA_WAIT_FAILED       a handle is bad, or `count` is
//
// Programs export it as WSAWaitForMultipleEvents, where a provider finds it as
// it does in ws2_32.
DWORD WaitForEvents(const WSAEVENT* events, DWORD count, bool wait_all,
                    DWORD timeout_ms, bool alertable);

// Sleeps alertably. Returns WSA_WAIT_IO_COMPLETION if APCs have run, else 0
// after `timeout_ms`.
DWORD SleepAlertable(DWORD timeout_ms);

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_EVENT_H_
