// A service provider over the kernel's own sockets, in the process itself:
// blocking TCP only, with just enough behind it to test SPI clients by. All
// other functions answer WSAEOPNOTSUPP.
#include <winsock2.h>
#include <ws2spi.h>
#include <ws2tcpip.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "client_stub/spi_client/testing/kernel_sockets.h"

namespace wspd::spi_client {
namespace {

std::atomic<int> startups{0};
WSPUPCALLTABLE upcalls;
DWORD catalog_entry;

int WsaError(long result) {
  switch (-result) {
    case EADDRINUSE:
      return WSAEADDRINUSE;
    case ECONNREFUSED:
      return WSAECONNREFUSED;
    case ECONNRESET:
    case EPIPE:
      return WSAECONNRESET;
    case ENOTCONN:
      return WSAENOTCONN;
    default:
      return WSAEINVAL;
  }
}

// 0, or SOCKET_ERROR with the code stored.
int Finish(long result, LPINT error) {
  if (result >= 0) return 0;
  *error = WsaError(result);
  return SOCKET_ERROR;
}

// The descriptor behind `s`, or -1 with the code stored.
int Descriptor(SOCKET s, LPINT error) {
  if (startups == 0) {
    *error = WSANOTINITIALISED;
    return -1;
  }
  DWORD_PTR context;
  if (upcalls.lpWPUQuerySocketHandleContext(s, &context, error) != 0) return -1;
  return static_cast<int>(context);
}

SOCKET Adopt(int fd, LPINT error) {
  if (Finish(fd, error) != 0) return INVALID_SOCKET;
  return upcalls.lpWPUCreateSocketHandle(catalog_entry, fd, error);
}

Endpoint FromSockaddr(const sockaddr* name) {
  Endpoint endpoint;
  endpoint.ipv6 = name->sa_family == AF_INET6;
  if (endpoint.ipv6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(name);
    endpoint.port = ntohs(v6->sin6_port);
    std::memcpy(endpoint.address, &v6->sin6_addr, 16);
  } else {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(name);
    endpoint.port = ntohs(v4->sin_port);
    std::memcpy(endpoint.address, &v4->sin_addr, 4);
  }
  return endpoint;
}

SOCKET WSPAPI Socket(int family, int, int, LPWSAPROTOCOL_INFOW, GROUP, DWORD,
                     LPINT error) {
  return Adopt(OpenTcpSocket(family == AF_INET6), error);
}

int WSPAPI Bind(SOCKET s, const sockaddr* name, int, LPINT error) {
  const int fd = Descriptor(s, error);
  if (fd < 0) return SOCKET_ERROR;
  return Finish(BindSocket(fd, FromSockaddr(name)), error);
}

int WSPAPI Listen(SOCKET s, int backlog, LPINT error) {
  const int fd = Descriptor(s, error);
  if (fd < 0) return SOCKET_ERROR;
  return Finish(ListenSocket(fd, backlog), error);
}

SOCKET WSPAPI Accept(SOCKET s, sockaddr*, LPINT, LPCONDITIONPROC, DWORD_PTR,
                     LPINT error) {
  const int fd = Descriptor(s, error);
  if (fd < 0) return INVALID_SOCKET;
  return Adopt(AcceptSocket(fd), error);
}

int WSPAPI Connect(SOCKET s, const sockaddr* name, int, LPWSABUF, LPWSABUF,
                   LPQOS, LPQOS, LPINT error) {
  const int fd = Descriptor(s, error);
  if (fd < 0) return SOCKET_ERROR;
  return Finish(ConnectSocket(fd, FromSockaddr(name)), error);
}

int WSPAPI Send(SOCKET s, LPWSABUF buffers, DWORD, LPDWORD sent, DWORD,
                LPWSAOVERLAPPED, LPWSAOVERLAPPED_COMPLETION_ROUTINE,
                LPWSATHREADID, LPINT error) {
  const int fd = Descriptor(s, error);
  if (fd < 0) return SOCKET_ERROR;
  const long result = SendTo(fd, buffers->buf, buffers->len);
  if (result >= 0) *sent = result;
  return Finish(result, error);
}

int WSPAPI Recv(SOCKET s, LPWSABUF buffers, DWORD, LPDWORD received, LPDWORD,
                LPWSAOVERLAPPED, LPWSAOVERLAPPED_COMPLETION_ROUTINE,
                LPWSATHREADID, LPINT error) {
  const int fd = Descriptor(s, error);
  if (fd < 0) return SOCKET_ERROR;
  const long result = ReceiveFrom(fd, buffers->buf, buffers->len);
  if (result >= 0) *received = result;
  return Finish(result, error);
}

int WSPAPI Shutdown(SOCKET s, int how, LPINT error) {
  const int fd = Descriptor(s, error);
  if (fd < 0) return SOCKET_ERROR;
  return Finish(ShutDownSocket(fd, how), error);
}

int WSPAPI CloseSocketFunction(SOCKET s, LPINT error) {
  const int fd = Descriptor(s, error);
  if (fd < 0) return SOCKET_ERROR;
  if (upcalls.lpWPUCloseSocketHandle(s, error) != 0) return SOCKET_ERROR;
  return Finish(CloseSocket(fd), error);
}

int WSPAPI GetSockName(SOCKET s, sockaddr* name, LPINT length, LPINT error) {
  const int fd = Descriptor(s, error);
  if (fd < 0) return SOCKET_ERROR;
  Endpoint endpoint;
  if (Finish(GetLocalEndpoint(fd, &endpoint), error) != 0) return SOCKET_ERROR;
  sockaddr_in6 v6 = {};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  std::memcpy(&v6.sin6_addr, endpoint.address, 16);
  sockaddr_in v4 = {};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(endpoint.port);
  std::memcpy(&v4.sin_addr, endpoint.address, 4);
  *length = endpoint.ipv6 ? sizeof(v6) : sizeof(v4);
  std::memcpy(name, endpoint.ipv6 ? static_cast<void*>(&v6) : &v4, *length);
  return 0;
}

int WSPAPI Cleanup(LPINT error) {
  int count = startups;
  while (count > 0 && !startups.compare_exchange_weak(count, count - 1)) {
  }
  if (count > 0) return 0;
  *error = WSANOTINITIALISED;
  return SOCKET_ERROR;
}

// Any function of the table, answering WSAEOPNOTSUPP.
template <int kFailure, typename Function>
struct Unsupported;

template <int kFailure, typename Result, typename... Arguments>
struct Unsupported<kFailure, Result(WSPAPI*)(Arguments...)> {
  static Result WSPAPI Call(Arguments... arguments) {
    *std::get<sizeof...(Arguments) - 1>(std::tie(arguments...)) =
        WSAEOPNOTSUPP;  // the last argument is lpErrno
    return static_cast<Result>(kFailure);
  }
};

template <int kFailure = SOCKET_ERROR, typename Function>
void SetUnsupported(Function* slot) {
  *slot = Unsupported<kFailure, Function>::Call;
}

WSPPROC_TABLE MakeTable() {
  WSPPROC_TABLE table = {};
  table.lpWSPAccept = Accept;
  table.lpWSPBind = Bind;
  table.lpWSPCleanup = Cleanup;
  table.lpWSPCloseSocket = CloseSocketFunction;
  table.lpWSPConnect = Connect;
  table.lpWSPGetSockName = GetSockName;
  table.lpWSPListen = Listen;
  table.lpWSPRecv = Recv;
  table.lpWSPSend = Send;
  table.lpWSPShutdown = Shutdown;
  table.lpWSPSocket = Socket;
  SetUnsupported(&table.lpWSPAddressToString);
  SetUnsupported(&table.lpWSPAsyncSelect);
  SetUnsupported(&table.lpWSPCancelBlockingCall);
  SetUnsupported(&table.lpWSPDuplicateSocket);
  SetUnsupported(&table.lpWSPEnumNetworkEvents);
  SetUnsupported(&table.lpWSPEventSelect);
  SetUnsupported<FALSE>(&table.lpWSPGetOverlappedResult);
  SetUnsupported(&table.lpWSPGetPeerName);
  SetUnsupported<FALSE>(&table.lpWSPGetQOSByName);
  SetUnsupported(&table.lpWSPGetSockOpt);
  SetUnsupported(&table.lpWSPIoctl);
  SetUnsupported(&table.lpWSPJoinLeaf);
  SetUnsupported(&table.lpWSPRecvDisconnect);
  SetUnsupported(&table.lpWSPRecvFrom);
  SetUnsupported(&table.lpWSPSelect);
  SetUnsupported(&table.lpWSPSendDisconnect);
  SetUnsupported(&table.lpWSPSendTo);
  SetUnsupported(&table.lpWSPSetSockOpt);
  SetUnsupported(&table.lpWSPStringToAddress);
  return table;
}

}  // namespace
}  // namespace wspd::spi_client

extern "C" __attribute__((visibility("default"))) int WSPStartup(
    WORD version, LPWSPDATA data, LPWSAPROTOCOL_INFOW info,
    WSPUPCALLTABLE upcalls, LPWSPPROC_TABLE table) {
  namespace provider = wspd::spi_client;
  if (data == nullptr || table == nullptr) return WSAEFAULT;
  if (version < MAKEWORD(2, 2)) return WSAVERNOTSUPPORTED;
  // Tests ask for 2.3 to get a table with a hole.
  const bool hole = version == MAKEWORD(2, 3);
  data->wVersion = data->wHighVersion = MAKEWORD(2, 2);
  if (provider::startups++ == 0) {
    provider::upcalls = upcalls;
    provider::catalog_entry = info->dwCatalogEntryId;
  }
  *table = provider::MakeTable();
  if (hole) table->lpWSPSelect = nullptr;
  return 0;
}
