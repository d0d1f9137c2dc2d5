#ifndef WSPD_CLIENT_STUB_SPI_STARTUP_CLEANUP_H_
#define WSPD_CLIENT_STUB_SPI_STARTUP_CLEANUP_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>

#include "client_stub/spi/library.h"

namespace wsp {

// WSPStartup without its checks of pointers. Returns the error code.
uint32_t StartUp(WORD version, DWORD catalog_entry_id,
                 const WSPUPCALLTABLE& upcalls, LPWSPDATA data);

int WSPAPI SpiCleanup(LPINT error);

// Has a provider that is fit for use, if none is. Unlocks where an ended one
// has to be taken down first. False if descriptors or memory are short. With
// the lifecycle taken, and no part taken in the provider.
bool EnsureProvider() WSP_REQUIRES(g_library.mutex);

// Ends the provider and waits until all other threads have left it; unlocks
// meanwhile. Afterwards nothing of it is left: no thread, descriptor, memory.
// With the lifecycle taken.
void TakeDown() WSP_REQUIRES(g_library.mutex);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_STARTUP_CLEANUP_H_
