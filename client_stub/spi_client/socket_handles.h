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

// A provider has told of a handle of the system's own (WPUModifyIFSHandle).
// Their ends nobody tells; a number that comes again is a new handle.
void NoteKernelHandle(SOCKET s);
// Whether `s` is, or was, such a handle, or is an open one of the others.
bool IsSocketHandle(SOCKET s);

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_SOCKET_HANDLES_H_
