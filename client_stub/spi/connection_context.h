#ifndef WSPD_CLIENT_STUB_SPI_CONNECTION_CONTEXT_H_
#define WSPD_CLIENT_STUB_SPI_CONNECTION_CONTEXT_H_

#include <winsock2.h>

#include <cstdint>

#include "client_stub/spi/spi_call.h"

namespace wsp {

// SO_UPDATE_CONNECT_CONTEXT and SO_UPDATE_ACCEPT_CONTEXT, options by which a
// connection of ConnectEx or AcceptEx becomes one as any other (reference,
// section 4.9). They can only be set.
bool IsConnectionContext(int level, int option);

// The former has no value, the latter's is the listener's handle. WSAEFAULT if
// that is missing, WSAENOTSOCK if it is none; else what the daemon says.
uint32_t UpdateConnectionContext(SpiCall* call, int option, const char* value,
                                 int length);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_CONNECTION_CONTEXT_H_
