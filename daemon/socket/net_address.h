#ifndef WSPD_DAEMON_SOCKET_NET_ADDRESS_H_
#define WSPD_DAEMON_SOCKET_NET_ADDRESS_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

namespace wspd {

// An IPv4 or IPv6 socket address as the kernel takes it, or none.
class NetAddress {
 public:
  NetAddress() { data_.base.sa_family = AF_UNSPEC; }
  explicit NetAddress(const sockaddr_in& address) { data_.v4 = address; }
  explicit NetAddress(const sockaddr_in6& address) { data_.v6 = address; }

  // 0.0.0.0 or ::, by `family`.
  static NetAddress Any(int family, uint16_t port);
  // What getsockname() and the like say of `fd`; none if they fail.
  static NetAddress LocalOf(int fd);
  static NetAddress PeerOf(int fd);

  // AF_UNSPEC: none.
  sa_family_t family() const { return data_.base.sa_family; }
  bool empty() const { return family() == AF_UNSPEC; }
  const sockaddr_in& v4() const { return data_.v4; }
  const sockaddr_in6& v6() const { return data_.v6; }

  // Of the largest address, in bytes.
  static constexpr socklen_t kMostBytes = sizeof(sockaddr_in6);

  // For system calls. The buffer has kMostBytes.
  const sockaddr* get() const { return &data_.base; }
  sockaddr* Buffer() { return &data_.base; }
  socklen_t size() const {
    return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  }

  // Host order.
  uint16_t port() const;
  NetAddress WithPort(uint16_t port) const;
  // 0.0.0.0, ::, or ::ffff:0.0.0.0.
  bool is_any() const;
  // 224.0.0.0/4, ff00::/8, or the former mapped to IPv6.
  bool is_multicast() const;
  // Whether address and port are the same.
  bool SameEndpoint(const NetAddress& other) const;

 private:
  using NameCall = int (*)(int, sockaddr*, socklen_t*);
  static NetAddress Read(int fd, NameCall call);

  // The largest comes first: the others' bytes beyond the first member would be
  // whatever was there before.
  union {
    sockaddr_in6 v6;
    sockaddr_in v4;
    sockaddr base;
  } data_ = {};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_NET_ADDRESS_H_
