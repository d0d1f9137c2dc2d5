#ifndef WSPD_CLIENT_STUB_SPI_STARTUP_CLEANUP_H_
#define WSPD_CLIENT_STUB_SPI_STARTUP_CLEANUP_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>

namespace wsp {

// The only version of the interface that is spoken here.
constexpr WORD kSpiVersion = MAKEWORD(2, 2);

// Version negotiation (reference, section 3.1): whether `requested` will do.
// Versions compare by major, then minor; a WORD has them the other way round.
bool IsSupportedVersion(WORD requested);

// WSPStartup without its parameter checks. Returns the error code.
uint32_t StartUp(WORD version, DWORD catalog_entry_id,
                 const WSPUPCALLTABLE& upcalls, LPWSPDATA data);

int WSPAPI SpiCleanup(LPINT error);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_STARTUP_CLEANUP_H_
