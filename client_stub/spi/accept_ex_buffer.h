#ifndef WSPD_CLIENT_STUB_SPI_ACCEPT_EX_BUFFER_H_
#define WSPD_CLIENT_STUB_SPI_ACCEPT_EX_BUFFER_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>

#include "client_stub/transport/server_frame.h"

namespace wsp {

// The output buffer of AcceptEx (reference, section 4.9), whose layout only
// AcceptEx and GetAcceptExSockaddrs know:
//
//     received data        data_bytes, used or not
//     record of the local address      local_bytes
//     record of the remote address     remote_bytes
//
// and a record:
//
//     at 0     4 bytes    how many bytes of `address` are used; 0 for none
//     at 4     the rest   address: a sockaddr of Windows' layout
//
// Nothing in it is aligned unless the caller's buffer and sizes are. As on
// Windows a record has to be 16 bytes larger than its address; what is left of
// it stays as it was.
struct AcceptExBuffer {
  void* memory;
  DWORD data_bytes;
  DWORD local_bytes;
  DWORD remote_bytes;
};

constexpr DWORD kAcceptExRecordOverhead = 16;

// Whether both records have room for the addresses of `family`. The local one
// may be left out, with a size of 0.
bool HasRoomForAddresses(const AcceptExBuffer& buffer, int family);

// Writes both records. WSAEFAULT, with nothing written, if there is no room.
uint32_t WriteAcceptExAddresses(const AcceptExBuffer& buffer,
                                const Address& local, const Address& remote);

// GetAcceptExSockaddrs, type LPFN_GETACCEPTEXSOCKADDRS: where in the buffer the
// addresses are, and how long. Null and 0 for one that isn't there, or that
// says it is longer than its record. What isn't asked for may be null. Any
// thread, also before the startup.
void WSPAPI SpiGetAcceptExSockaddrs(
    PVOID output_buffer, DWORD receive_data_length, DWORD local_address_length,
    DWORD remote_address_length, LPSOCKADDR* local_sockaddr,
    LPINT local_sockaddr_length, LPSOCKADDR* remote_sockaddr,
    LPINT remote_sockaddr_length);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_ACCEPT_EX_BUFFER_H_
