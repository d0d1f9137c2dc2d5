#ifndef WSPD_TESTS_TESTING_SOCKET_SET_H_
#define WSPD_TESTS_TESTING_SOCKET_SET_H_

#include <winsock2.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

namespace wspd::testing {

// An fd_set of any size, in memory that ends where it ends, so that
// AddressSanitizer sees who looks beyond fd_count.
class SocketSet {
 public:
  SocketSet() : SocketSet(std::vector<SOCKET>()) {}
  SocketSet(const std::vector<SOCKET>& sockets)  // NOLINT(*-explicit-*)
      : memory_(new char[kArray + sockets.size() * sizeof(SOCKET)]) {
    const auto count = static_cast<u_int>(sockets.size());
    std::memset(memory_.get(), 0, kArray);
    std::memcpy(memory_.get(), &count, sizeof count);
    if (count == 0) return;
    std::memcpy(memory_.get() + kArray, sockets.data(), count * sizeof(SOCKET));
  }

  fd_set* get() { return reinterpret_cast<fd_set*>(memory_.get()); }

  std::vector<SOCKET> sockets() const {
    u_int count;
    std::memcpy(&count, memory_.get(), sizeof count);
    std::vector<SOCKET> sockets(count);
    if (count == 0) return sockets;
    std::memcpy(sockets.data(), memory_.get() + kArray, count * sizeof(SOCKET));
    return sockets;
  }

 private:
  static constexpr size_t kArray = offsetof(fd_set, fd_array);

  std::unique_ptr<char[]> memory_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_SOCKET_SET_H_
