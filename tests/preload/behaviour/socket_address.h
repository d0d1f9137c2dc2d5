#ifndef WSPD_TESTS_PRELOAD_BEHAVIOUR_SOCKET_ADDRESS_H_
#define WSPD_TESTS_PRELOAD_BEHAVIOUR_SOCKET_ADDRESS_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <ostream>

namespace wspd::preload {

// An IPv4 or IPv6 address with its port, or none yet.
class SocketAddress {
 public:
  SocketAddress() = default;

  static SocketAddress Loopback(int family, uint16_t port = 0);
  static SocketAddress Wildcard(int family, uint16_t port = 0);
  // 127.0.0.1 as an IPv6 socket says it.
  static SocketAddress MappedLoopback(uint16_t port);
  // Of no host here (documentation ranges).
  static SocketAddress Foreign(int family);
  // What getsockname and getpeername say; none if they fail.
  static SocketAddress LocalOf(int fd);
  static SocketAddress RemoteOf(int fd);

  const sockaddr* data() const {
    return reinterpret_cast<const sockaddr*>(&storage_);
  }
  socklen_t size() const { return size_; }

  // For calls that fill it in: where, and the length, first that of all room.
  sockaddr* buffer() { return reinterpret_cast<sockaddr*>(&storage_); }
  socklen_t* room();

  int family() const { return size_ == 0 ? AF_UNSPEC : storage_.ss_family; }
  uint16_t port() const;
  SocketAddress WithPort(uint16_t port) const;

  friend bool operator==(const SocketAddress& a, const SocketAddress& b);
  friend std::ostream& operator<<(std::ostream& out,
                                  const SocketAddress& address);

 private:
  sockaddr_storage storage_ = {};
  socklen_t size_ = 0;
};

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_SOCKET_ADDRESS_H_
