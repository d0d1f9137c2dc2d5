#ifndef WSPD_CLIENT_STUB_SPI_HANDLES_H_
#define WSPD_CLIENT_STUB_SPI_HANDLES_H_

#include <winsock2.h>

#include <cstdint>

#include "client_stub/spi/spi_call.h"

namespace wsp {

// Asks the SPI client for a handle of the daemon's socket `id`. If there is
// none, returns why; the socket is still open then.
uint32_t GiveHandle(SpiCall* call, uint64_t id, DWORD catalog_entry_id,
                    SOCKET* handle);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_HANDLES_H_
