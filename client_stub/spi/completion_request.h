#ifndef WSPD_CLIENT_STUB_SPI_COMPLETION_REQUEST_H_
#define WSPD_CLIENT_STUB_SPI_COMPLETION_REQUEST_H_

#include <winsock2.h>

namespace wsp {

// WPUCompleteOverlappedRequest (reference, section 1.3), which is no upcall of
// the table but exported by the SPI client: by it completion ports are told of
// operations, as Windows tells them itself of handles that are its own.
//
// These are upcalls: to be called without a lock.

// Looks for what the SPI client exports; in every startup.
void FindCompletionRequest();

// Whether the socket is bound to a completion port. False if the client has
// none, or doesn't say.
bool HasCompletionPort(SOCKET s);

// Tells the port, if there is one, that the operation has ended. `has_event`:
// its event has been set. Nothing touches `overlapped`, unless the client
// doesn't say whether there is a port: then it is asked for operations that end
// without any other sign, and may look there for an event.
void RequestCompletion(SOCKET s, LPWSAOVERLAPPED overlapped, DWORD error,
                       DWORD bytes, bool has_event);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_COMPLETION_REQUEST_H_
