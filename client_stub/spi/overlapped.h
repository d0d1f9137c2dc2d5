#ifndef WSPD_CLIENT_STUB_SPI_OVERLAPPED_H_
#define WSPD_CLIENT_STUB_SPI_OVERLAPPED_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>

#include "client_stub/spi/spi_call.h"

namespace wsp {

// How a caller wants to hear of an operation's end (reference, section 4.1).
struct Indication {
  // Null: the call is synchronous. To be set to null where the socket isn't for
  // overlapped calls.
  LPWSAOVERLAPPED overlapped = nullptr;
  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine = nullptr;
  // Of the routine; goes away with the call.
  LPWSATHREADID thread = nullptr;
  // Set if the operation that is begun has to see to the id's end.
  bool* passes_thread_on = nullptr;
};

// The event of hEvent, without the bits of the handle that are the caller's own
// notes; null if there is none.
WSAEVENT EventOf(const WSAOVERLAPPED& overlapped);

// Whether the end can be told so: 0, or WSAEFAULT where a routine has no thread
// to run in, or WSAEINVAL where the socket has a completion port for that
// (reference, section 4.3). An upcall.
uint32_t CheckIndication(const SpiCall& call, const Indication& indication);

// Resets the event, if there is one; to be called before an overlapped
// operation begins. An upcall.
void ResetEvent(const SpiCall& call, const Indication& indication);

// Makes `operation` overlapped, as Provider::BeginOverlapped does, and to be
// indicated so.
void BeginOverlapped(Provider* provider, Operation* operation,
                     const Indication& indication)
    WSP_REQUIRES(g_library.mutex);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_OVERLAPPED_H_
