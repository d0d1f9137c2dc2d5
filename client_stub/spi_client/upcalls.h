#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_UPCALLS_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_UPCALLS_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <string>

namespace wspd::spi_client {

// The 15 upcalls, served by this library. They may be called from any thread
// at any time, also while no provider is loaded.
//
// WPUCompleteOverlappedRequest, which is not in the table, is exported by the
// program: it posts a packet to the port that the socket is bound to
// (completion_port.h), or if there is none sets the event, if any, of the
// OVERLAPPED, which the provider has filled in before. So is
// `int WspHandleHasCompletionPort(SOCKET)`, TRUE or FALSE, on Linux alone: a
// provider that sets events by WPUSetEvent asks it whether there is a packet to
// be posted besides, so that nobody looks at an OVERLAPPED which is over, and
// perhaps gone, without need.
const WSPUPCALLTABLE& Upcalls();

// What WPUGetProviderPath answers for `provider` from now on; ASCII.
void SetProviderPath(const GUID& provider, const std::string& path);

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_UPCALLS_H_
