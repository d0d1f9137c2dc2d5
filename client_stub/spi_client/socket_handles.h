#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_SOCKET_HANDLES_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_SOCKET_HANDLES_H_

#include <winsock2.h>

namespace wspd::spi_client {

// The socket handles of providers without kernel handles of their own: upcalls
// WPUCreateSocketHandle, WPUQuerySocketHandleContext, WPUCloseSocketHandle.
// No value is given out twice in the life of the process; a query takes no
// lock. Any thread may call.

// Returns INVALID_SOCKET and WSAENOBUFS if there is no room.
SOCKET OpenSocketHandle(DWORD_PTR context, LPINT error);
// These return 0, or SOCKET_ERROR and WSAENOTSOCK or WSAEFAULT.
int QuerySocketHandle(SOCKET s, PDWORD_PTR context, LPINT error);
int CloseSocketHandle(SOCKET s, LPINT error);

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_SOCKET_HANDLES_H_
