#include "daemon/testing/tcp_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace wspd {
namespace {

// Tests can't go on without their sockets.
void Require(bool condition) {
  if (!condition) abort();
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

TcpListener ListenOnLoopback() {
  TcpListener listener{
      OwnedFd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      0};
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  Require(bind(listener.fd.get(), raw, size) == 0);
  Require(listen(listener.fd.get(), 128) == 0);
  Require(getsockname(listener.fd.get(), raw, &size) == 0);
  listener.port = ntohs(address.sin_port);
  return listener;
}

OwnedFd ConnectToLoopback(int port) {
  OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  Require(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                  sizeof(address)) == 0);
  return fd;
}

FullListener ListenWithFullQueue() {
  FullListener full{ListenOnLoopback(), OwnedFd()};
  // Of a listener that is one already, the queue's length.
  Require(listen(full.listener.fd.get(), 0) == 0);
  full.first = ConnectToLoopback(full.port());
  return full;
}

TcpPair MakeTcpPair() {
  const TcpListener listener = ListenOnLoopback();
  TcpPair pair;
  pair.ours = ConnectToLoopback(listener.port);
  Require(fcntl(pair.ours.get(), F_SETFL, O_NONBLOCK) == 0);
  // The connection is complete: it is there to be accepted.
  pair.peer.Reset(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  Require(pair.peer.valid());
  return pair;
}

std::string ReadBytes(int fd, size_t size, int* error) {
  std::string bytes;
  char buffer[65536];
  while (bytes.size() < size) {
    const ssize_t part =
        read(fd, buffer, std::min(sizeof(buffer), size - bytes.size()));
    if (part < 0 && error != nullptr) *error = errno;
    if (part <= 0) break;
    bytes.append(buffer, part);
  }
  return bytes;
}

}  // namespace wspd
