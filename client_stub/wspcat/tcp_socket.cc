#include "client_stub/wspcat/tcp_socket.h"

#include <ws2tcpip.h>

#include <algorithm>
#include <cstring>

#include "client_stub/spi_client/catalog.h"
#include "client_stub/spi_client/wsa_error_name.h"

namespace wspd::wspcat {
namespace {

constexpr size_t kLargestSend = size_t{1} << 20;

bool Failed(const char* call, int code, std::string* error) {
  *error = std::string(call) + ": " + spi_client::WsaErrorName(code);
  return false;
}

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

// Returns the length.
int Fill(const NumericAddress& address, uint16_t port, SocketAddress* result) {
  *result = {};
  if (address.ipv6) {
    result->v6.sin6_family = AF_INET6;
    result->v6.sin6_port = htons(port);
    result->v6.sin6_scope_id = address.scope_id;
    std::memcpy(&result->v6.sin6_addr, address.bytes, 16);
    return sizeof(result->v6);
  }
  result->v4.sin_family = AF_INET;
  result->v4.sin_port = htons(port);
  std::memcpy(&result->v4.sin_addr, address.bytes, 4);
  return sizeof(result->v4);
}

}  // namespace

TcpSocket::~TcpSocket() {
  std::string ignored;
  Close(&ignored);
}

bool TcpSocket::Open(const NumericAddress& address, std::string* error) {
  const int family = address.ipv6 ? AF_INET6 : AF_INET;
  const WSAPROTOCOL_INFOW* const entry =
      spi_client::FindCatalogEntry(family, SOCK_STREAM);
  WSAPROTOCOL_INFOW info = *entry;
  int code = 0;
  socket_ = table_.lpWSPSocket(family, SOCK_STREAM, IPPROTO_TCP, &info, 0,
                               WSA_FLAG_OVERLAPPED, &code);
  return socket_ != INVALID_SOCKET || Failed("WSPSocket", code, error);
}

bool TcpSocket::Connect(const NumericAddress& address, uint16_t port,
                        std::string* error) {
  if (!Open(address, error)) return false;
  SocketAddress name;
  const int length = Fill(address, port, &name);
  int code = 0;
  return table_.lpWSPConnect(socket_, &name.any, length, nullptr, nullptr,
                             nullptr, nullptr, &code) == 0 ||
         Failed("WSPConnect", code, error);
}

bool TcpSocket::Listen(const NumericAddress& address, uint16_t port,
                       uint16_t* bound_port, std::string* error) {
  if (!Open(address, error)) return false;
  SocketAddress name;
  int length = Fill(address, port, &name);
  int code = 0;
  if (table_.lpWSPBind(socket_, &name.any, length, &code) != 0) {
    return Failed("WSPBind", code, error);
  }
  if (table_.lpWSPListen(socket_, 1, &code) != 0) {
    return Failed("WSPListen", code, error);
  }
  length = sizeof(name);
  if (table_.lpWSPGetSockName(socket_, &name.any, &length, &code) != 0) {
    return Failed("WSPGetSockName", code, error);
  }
  *bound_port = ntohs(address.ipv6 ? name.v6.sin6_port : name.v4.sin_port);
  return true;
}

bool TcpSocket::Accept(TcpSocket* connection, std::string* error) {
  int code = 0;
  connection->socket_ =
      table_.lpWSPAccept(socket_, nullptr, nullptr, nullptr, 0, &code);
  return connection->socket_ != INVALID_SOCKET ||
         Failed("WSPAccept", code, error);
}

bool TcpSocket::Send(const char* data, size_t size, std::string* error) {
  while (size > 0) {
    WSABUF buffer;
    buffer.buf = const_cast<char*>(data);
    buffer.len = static_cast<u_long>(std::min(size, kLargestSend));
    DWORD sent = 0;
    int code = 0;
    if (table_.lpWSPSend(socket_, &buffer, 1, &sent, 0, nullptr, nullptr,
                         nullptr, &code) != 0) {
      return Failed("WSPSend", code, error);
    }
    data += sent;
    size -= sent;
  }
  return true;
}

bool TcpSocket::Receive(char* data, size_t size, size_t* received,
                        std::string* error) {
  WSABUF buffer;
  buffer.buf = data;
  buffer.len = static_cast<u_long>(size);
  DWORD count = 0;
  DWORD flags = 0;
  int code = 0;
  if (table_.lpWSPRecv(socket_, &buffer, 1, &count, &flags, nullptr, nullptr,
                       nullptr, &code) != 0) {
    return Failed("WSPRecv", code, error);
  }
  *received = count;
  return true;
}

bool TcpSocket::ShutDownSending(std::string* error) {
  int code = 0;
  return table_.lpWSPShutdown(socket_, SD_SEND, &code) == 0 ||
         Failed("WSPShutdown", code, error);
}

bool TcpSocket::Close(std::string* error) {
  if (socket_ == INVALID_SOCKET) return true;
  int code = 0;
  const int result = table_.lpWSPCloseSocket(socket_, &code);
  socket_ = INVALID_SOCKET;
  return result == 0 || Failed("WSPCloseSocket", code, error);
}

}  // namespace wspd::wspcat
