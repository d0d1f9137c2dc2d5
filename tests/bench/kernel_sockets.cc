#include "tests/bench/kernel_sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/bench/die.h"

namespace wspd::bench {
namespace {

constexpr int kBacklog = 4096;

int OpenSocket() {
  return CheckErrno(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
}

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

Listener Listen(int receive_buffer) {
  Listener listener;
  listener.fd = OpenSocket();
  if (receive_buffer != 0) {
    CheckErrno(setsockopt(listener.fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer,
                          sizeof(receive_buffer)),
               "setsockopt");
  }
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  CheckErrno(bind(listener.fd, name, size), "bind");
  CheckErrno(listen(listener.fd, kBacklog), "listen");
  CheckErrno(getsockname(listener.fd, name, &size), "getsockname");
  listener.port = ntohs(address.sin_port);
  return listener;
}

int Accept(int listener) {
  return CheckErrno(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC),
                    "accept");
}

int ConnectTo(uint16_t port) {
  const int fd = OpenSocket();
  const sockaddr_in address = Loopback(port);
  CheckErrno(
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
      "connect");
  return fd;
}

void SendAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    if (sent == -1) DieOfErrno("send");
    data += sent;
    size -= static_cast<size_t>(sent);
  }
}

bool ReceiveAll(int fd, char* data, size_t size) {
  while (size > 0) {
    const size_t received = ReceiveSome(fd, data, size);
    if (received == 0) return false;
    data += received;
    size -= received;
  }
  return true;
}

int OpenDatagramSocket(uint16_t* port) {
  const int fd =
      CheckErrno(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  CheckErrno(bind(fd, name, size), "bind");
  CheckErrno(getsockname(fd, name, &size), "getsockname");
  if (port != nullptr) *port = ntohs(address.sin_port);
  return fd;
}

void SendDatagram(int fd, const char* data, size_t size, uint16_t to) {
  const sockaddr_in address = Loopback(to);
  const ssize_t sent =
      sendto(fd, data, size, 0, reinterpret_cast<const sockaddr*>(&address),
             sizeof(address));
  CheckErrno(static_cast<int>(sent), "sendto");
}

size_t ReceiveDatagram(int fd, char* data, size_t size, uint16_t* from) {
  sockaddr_in address = {};
  socklen_t length = sizeof(address);
  const ssize_t received = recvfrom(
      fd, data, size, 0, reinterpret_cast<sockaddr*>(&address), &length);
  CheckErrno(static_cast<int>(received), "recvfrom");
  *from = ntohs(address.sin_port);
  return static_cast<size_t>(received);
}

size_t ReceiveSome(int fd, char* data, size_t size) {
  const ssize_t received = recv(fd, data, size, 0);
  if (received == -1 && errno == ECONNRESET) return 0;
  if (received == -1) DieOfErrno("recv");
  return static_cast<size_t>(received);
}

}  // namespace wspd::bench
