#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_TESTING_KERNEL_SOCKETS_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_TESTING_KERNEL_SOCKETS_H_

#include <cstddef>
#include <cstdint>

namespace wspd::spi_client {

// Blocking TCP sockets of the kernel, declared without the system's socket
// headers. Every function returns a negative errno on failure.

struct Endpoint {
  bool ipv6 = false;
  uint8_t address[16] = {};  // the first 4 bytes if not ipv6
  uint16_t port = 0;         // in host order
};

int OpenTcpSocket(bool ipv6);
int BindSocket(int fd, const Endpoint& endpoint);
int ListenSocket(int fd, int backlog);
int AcceptSocket(int fd);
int ConnectSocket(int fd, const Endpoint& endpoint);
// These return the number of bytes, 0 from ReceiveFrom at the end of stream.
long SendTo(int fd, const void* data, size_t size);
long ReceiveFrom(int fd, void* data, size_t size);
// 0 receiving, 1 sending, 2 both: the same numbers on both systems.
int ShutDownSocket(int fd, int how);
int CloseSocket(int fd);
int GetLocalEndpoint(int fd, Endpoint* endpoint);

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_TESTING_KERNEL_SOCKETS_H_
