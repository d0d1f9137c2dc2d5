#ifndef WSPD_CLIENT_STUB_SPI_EVENT_OBJECTS_H_
#define WSPD_CLIENT_STUB_SPI_EVENT_OBJECTS_H_

#include <winsock2.h>

namespace wsp {

// Event objects are the SPI client's. The upcalls set and reset them; whether
// one is open they don't say without changing it. Waiting for no time does: by
// WSAWaitForMultipleEvents, which the SPI client exports as ws2_32 does.

// Looks for that function. To be called by every startup: the loader's lock is
// taken, and nothing of ours may be held.
void FindEventFunctions();

// Whether `event` is an open event object, as far as can be known: if the SPI
// client exports nothing to ask with, yes. An upcall.
bool IsOpenEvent(WSAEVENT event);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_EVENT_OBJECTS_H_
