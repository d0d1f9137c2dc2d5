#ifndef WSPD_CLIENT_STUB_SPI_FUNCTIONS_H_
#define WSPD_CLIENT_STUB_SPI_FUNCTIONS_H_

#include <winsock2.h>
#include <ws2spi.h>

// The functions of the procedure table, as <ws2spi.h> declares their types.
namespace wsp {

// sockets.cc
SOCKET WSPAPI SpiSocket(int family, int type, int protocol,
                        LPWSAPROTOCOL_INFOW info, GROUP group, DWORD flags,
                        LPINT error);
int WSPAPI SpiCloseSocket(SOCKET s, LPINT error);

// duplicate_socket.cc
int WSPAPI SpiDuplicateSocket(SOCKET s, DWORD process_id,
                              LPWSAPROTOCOL_INFOW info, LPINT error);

// connections.cc
int WSPAPI SpiBind(SOCKET s, const sockaddr* name, int name_length,
                   LPINT error);
int WSPAPI SpiListen(SOCKET s, int backlog, LPINT error);
int WSPAPI SpiConnect(SOCKET s, const sockaddr* name, int name_length,
                      LPWSABUF caller_data, LPWSABUF callee_data, LPQOS sqos,
                      LPQOS gqos, LPINT error);
SOCKET WSPAPI SpiJoinLeaf(SOCKET s, const sockaddr* name, int name_length,
                          LPWSABUF caller_data, LPWSABUF callee_data,
                          LPQOS sqos, LPQOS gqos, DWORD flags, LPINT error);
int WSPAPI SpiShutdown(SOCKET s, int how, LPINT error);
int WSPAPI SpiGetSockName(SOCKET s, sockaddr* name, LPINT name_length,
                          LPINT error);
int WSPAPI SpiGetPeerName(SOCKET s, sockaddr* name, LPINT name_length,
                          LPINT error);
int WSPAPI SpiSendDisconnect(SOCKET s, LPWSABUF outbound_data, LPINT error);
int WSPAPI SpiRecvDisconnect(SOCKET s, LPWSABUF inbound_data, LPINT error);

// accept.cc
SOCKET WSPAPI SpiAccept(SOCKET s, sockaddr* address, LPINT address_length,
                        LPCONDITIONPROC condition, DWORD_PTR callback_data,
                        LPINT error);

// transfers.cc
int WSPAPI SpiSend(SOCKET s, LPWSABUF buffers, DWORD buffer_count,
                   LPDWORD bytes_sent, DWORD flags, LPWSAOVERLAPPED overlapped,
                   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                   LPWSATHREADID thread, LPINT error);
int WSPAPI SpiRecv(SOCKET s, LPWSABUF buffers, DWORD buffer_count,
                   LPDWORD bytes_received, LPDWORD flags,
                   LPWSAOVERLAPPED overlapped,
                   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                   LPWSATHREADID thread, LPINT error);
int WSPAPI SpiRecvFrom(SOCKET s, LPWSABUF buffers, DWORD buffer_count,
                       LPDWORD bytes_received, LPDWORD flags, sockaddr* from,
                       LPINT from_length, LPWSAOVERLAPPED overlapped,
                       LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                       LPWSATHREADID thread, LPINT error);
int WSPAPI SpiSendTo(SOCKET s, LPWSABUF buffers, DWORD buffer_count,
                     LPDWORD bytes_sent, DWORD flags, const sockaddr* to,
                     int to_length, LPWSAOVERLAPPED overlapped,
                     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                     LPWSATHREADID thread, LPINT error);

// overlapped_results.cc
BOOL WSPAPI SpiGetOverlappedResult(SOCKET s, LPWSAOVERLAPPED overlapped,
                                   LPDWORD bytes, BOOL wait, LPDWORD flags,
                                   LPINT error);
int WSPAPI SpiCancelBlockingCall(LPINT error);

// local_functions.cc
INT WSPAPI SpiAddressToString(LPSOCKADDR address, DWORD address_length,
                              LPWSAPROTOCOL_INFOW info, LPWSTR text,
                              LPDWORD text_length, LPINT error);
INT WSPAPI SpiStringToAddress(LPWSTR text, INT family, LPWSAPROTOCOL_INFOW info,
                              LPSOCKADDR address, LPINT address_length,
                              LPINT error);
BOOL WSPAPI SpiGetQosByName(SOCKET s, LPWSABUF name, LPQOS qos, LPINT error);

// options.cc
int WSPAPI SpiGetSockOpt(SOCKET s, int level, int option, char* value,
                         LPINT length, LPINT error);
int WSPAPI SpiSetSockOpt(SOCKET s, int level, int option, const char* value,
                         int length, LPINT error);

// ioctl.cc
int WSPAPI SpiIoctl(SOCKET s, DWORD code, LPVOID in, DWORD in_bytes, LPVOID out,
                    DWORD out_bytes, LPDWORD returned,
                    LPWSAOVERLAPPED overlapped,
                    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                    LPWSATHREADID thread, LPINT error);

// event_select.cc
int WSPAPI SpiEventSelect(SOCKET s, WSAEVENT event, LONG events, LPINT error);
int WSPAPI SpiAsyncSelect(SOCKET s, HWND window, unsigned int message,
                          LONG events, LPINT error);
int WSPAPI SpiEnumNetworkEvents(SOCKET s, WSAEVENT event,
                                LPWSANETWORKEVENTS occurred, LPINT error);

// select.cc
int WSPAPI SpiSelect(int ignored, fd_set* read, fd_set* write, fd_set* except,
                     const PTIMEVAL timeout, LPINT error);

// poll.cc; an extension function: the error by WSASetLastError
int WSAAPI SpiPoll(LPWSAPOLLFD sockets, ULONG count, INT timeout_ms);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_FUNCTIONS_H_
