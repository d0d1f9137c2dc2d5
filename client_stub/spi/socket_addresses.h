#ifndef WSPD_CLIENT_STUB_SPI_SOCKET_ADDRESSES_H_
#define WSPD_CLIENT_STUB_SPI_SOCKET_ADDRESSES_H_

#include <winsock2.h>

#include <cstdint>

#include "client_stub/transport/server_frame.h"

namespace wsp {

// Reads a caller's address for a socket of `family`. Returns 0, or WSAEFAULT if
// it is missing or too short, WSAEAFNOSUPPORT if it is of another family.
uint32_t ReadSocketAddress(const sockaddr* name, int length, int family,
                           Address* address);

// The length of a family's address; 0 if the family is unknown.
int SocketAddressLength(int family);

// Writes to a caller's buffer of *length bytes and stores the address's length
// there. Returns 0, or WSAEFAULT if it doesn't fit, which changes nothing.
uint32_t WriteSocketAddress(const Address& address, sockaddr* name,
                            int* length);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_SOCKET_ADDRESSES_H_
