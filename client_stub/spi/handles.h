#ifndef WSPD_CLIENT_STUB_SPI_HANDLES_H_
#define WSPD_CLIENT_STUB_SPI_HANDLES_H_

#include <winsock2.h>

#include <cstdint>

#include "client_stub/spi/spi_call.h"

namespace wsp {

// A handle of the daemon's socket `id`: the SPI client's, or one of the
// system's that it agrees to. If there is none, returns why; the socket is
// still open then.
uint32_t GiveHandle(SpiCall* call, uint64_t id, DWORD catalog_entry_id,
                    SocketHandle* handle);

// Gives a handle back. Not under the session lock.
void CloseHandle(const WSPUPCALLTABLE& upcalls, const SocketHandle& handle);

// Has the daemon lend the socket `id`, if that is due: behind its handle is the
// kernel's socket then. If it can't, bytes go on travelling in the stream.
void LendSocket(SpiCall* call, uint64_t id);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_HANDLES_H_
