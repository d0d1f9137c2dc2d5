#include "client_stub/spi_client/testing/kernel_sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace wspd::spi_client {
namespace {

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

long Checked(long result) { return result < 0 ? -errno : result; }

socklen_t Fill(const Endpoint& endpoint, Address* address) {
  *address = {};
  if (endpoint.ipv6) {
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(endpoint.port);
    std::memcpy(&address->v6.sin6_addr, endpoint.address, 16);
    return sizeof(address->v6);
  }
  address->v4.sin_family = AF_INET;
  address->v4.sin_port = htons(endpoint.port);
  std::memcpy(&address->v4.sin_addr, endpoint.address, 4);
  return sizeof(address->v4);
}

}  // namespace

int OpenTcpSocket(bool ipv6) {
  return Checked(
      socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

int BindSocket(int fd, const Endpoint& endpoint) {
  Address address;
  const socklen_t size = Fill(endpoint, &address);
  return Checked(bind(fd, &address.any, size));
}

int ListenSocket(int fd, int backlog) { return Checked(listen(fd, backlog)); }

int AcceptSocket(int fd) {
  return Checked(accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
}

int ConnectSocket(int fd, const Endpoint& endpoint) {
  Address address;
  const socklen_t size = Fill(endpoint, &address);
  return Checked(connect(fd, &address.any, size));
}

long SendTo(int fd, const void* data, size_t size) {
  return Checked(send(fd, data, size, MSG_NOSIGNAL));
}

long ReceiveFrom(int fd, void* data, size_t size) {
  return Checked(recv(fd, data, size, 0));
}

int ShutDownSocket(int fd, int how) { return Checked(shutdown(fd, how)); }

int CloseSocket(int fd) { return Checked(close(fd)); }

int GetLocalEndpoint(int fd, Endpoint* endpoint) {
  Address address;
  socklen_t size = sizeof(address);
  const int result = Checked(getsockname(fd, &address.any, &size));
  if (result < 0) return result;
  endpoint->ipv6 = address.any.sa_family == AF_INET6;
  if (endpoint->ipv6) {
    endpoint->port = ntohs(address.v6.sin6_port);
    std::memcpy(endpoint->address, &address.v6.sin6_addr, 16);
  } else {
    endpoint->port = ntohs(address.v4.sin_port);
    std::memcpy(endpoint->address, &address.v4.sin_addr, 4);
  }
  return 0;
}

}  // namespace wspd::spi_client
