#ifndef WSPD_CLIENT_STUB_SPI_STARTUP_CLEANUP_H_
#define WSPD_CLIENT_STUB_SPI_STARTUP_CLEANUP_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>

namespace wsp {

// WSPStartup without its checks of pointers. Returns the error code.
uint32_t StartUp(WORD version, DWORD catalog_entry_id,
                 const WSPUPCALLTABLE& upcalls, LPWSPDATA data);

int WSPAPI SpiCleanup(LPINT error);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_STARTUP_CLEANUP_H_
