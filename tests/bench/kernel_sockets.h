#ifndef WSPD_TESTS_BENCH_KERNEL_SOCKETS_H_
#define WSPD_TESTS_BENCH_KERNEL_SOCKETS_H_

#include <cstddef>
#include <cstdint>

namespace wspd::bench {

// Blocking TCP sockets of the kernel on 127.0.0.1, close-on-exec and with no
// option set. They die on failure.

struct Listener {
  int fd = -1;
  uint16_t port = 0;
};

// `receive_buffer` is set if it isn't 0.
Listener Listen(int receive_buffer = 0);
int Accept(int listener);
int ConnectTo(uint16_t port);
void SendAll(int fd, const char* data, size_t size);
// False at the end of the stream or after a reset, if that comes first.
bool ReceiveAll(int fd, char* data, size_t size);
// UDP, bound to a free port. Returns the descriptor.
int OpenDatagramSocket(uint16_t* port = nullptr);
void SendDatagram(int fd, const char* data, size_t size, uint16_t to);
// Waits for one; returns its size.
size_t ReceiveDatagram(int fd, char* data, size_t size, uint16_t* from);

// What one receive gives: 0 at the end of the stream or after a reset.
size_t ReceiveSome(int fd, char* data, size_t size);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_KERNEL_SOCKETS_H_
