#ifndef WSPD_CLIENT_STUB_SPI_READINESS_H_
#define WSPD_CLIENT_STUB_SPI_READINESS_H_

#include <winsock2.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "client_stub/spi/spi_call.h"
#include "client_stub/transport/network_events.h"

namespace wsp {

// What WSPSelect and WSAPoll have in common: sockets that are waited for
// together, in one call of the daemon's, whatever their number.

// The daemon's id of a handle; 0 if there is no such socket. WSAENETDOWN if the
// daemon that had it is gone. An upcall.
uint32_t FindSocketId(SpiCall* call, SOCKET s, uint64_t* id)
    WSP_EXCLUDES(g_library.mutex);

// Sorts the ids and drops repetitions.
void MakeSet(std::vector<uint64_t>* ids);
bool Contains(const std::vector<uint64_t>& sorted, uint64_t id);

// Asks the daemon and waits until at least one socket is ready, or for
// `timeout_ms` milliseconds, -1 for ever: then nothing is ready. The lists of
// the reply are sorted. Returns 0 or the error, WSAEINTR if it was cancelled.
uint32_t AwaitReadiness(SpiCall* call, SelectParams params, int64_t timeout_ms,
                        SelectReply* reply) WSP_EXCLUDES(g_library.mutex);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_READINESS_H_
