#ifndef WSPD_CLIENT_STUB_SPI_EXTENSIONS_H_
#define WSPD_CLIENT_STUB_SPI_EXTENSIONS_H_

#include <mswsock.h>
#include <winsock2.h>
#include <ws2spi.h>

// The extension functions (reference, section 4.9), as <mswsock.h> declares
// their types; GetAcceptExSockaddrs is in accept_ex_buffer.h. What a comment
// there says of arguments applies. Any thread.
namespace wsp {

// accept_ex.cc
BOOL WSPAPI SpiAcceptEx(SOCKET listener, SOCKET accepting, PVOID output_buffer,
                        DWORD receive_data_length, DWORD local_address_length,
                        DWORD remote_address_length, LPDWORD bytes_received,
                        LPOVERLAPPED overlapped);

// connect_ex.cc
BOOL WSPAPI SpiConnectEx(SOCKET s, const sockaddr* name, int name_length,
                         PVOID send_buffer, DWORD send_data_length,
                         LPDWORD bytes_sent, LPOVERLAPPED overlapped);
BOOL WSPAPI SpiDisconnectEx(SOCKET s, LPOVERLAPPED overlapped, DWORD flags,
                            DWORD reserved);

// messages.cc
INT WSPAPI SpiRecvMsg(SOCKET s, LPWSAMSG message, LPDWORD bytes_received,
                      LPWSAOVERLAPPED overlapped,
                      LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);
INT WSPAPI SpiSendMsg(SOCKET s, LPWSAMSG message, DWORD flags,
                      LPDWORD bytes_sent, LPWSAOVERLAPPED overlapped,
                      LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);

// transmit.cc
BOOL WSPAPI SpiTransmitFile(SOCKET s, HANDLE file, DWORD bytes_to_write,
                            DWORD bytes_per_send, LPOVERLAPPED overlapped,
                            LPTRANSMIT_FILE_BUFFERS buffers, DWORD flags);
BOOL WSPAPI SpiTransmitPackets(SOCKET s, LPTRANSMIT_PACKETS_ELEMENT elements,
                               DWORD element_count, DWORD send_size,
                               LPOVERLAPPED overlapped, DWORD flags);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_EXTENSIONS_H_
