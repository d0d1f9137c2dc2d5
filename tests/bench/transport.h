#ifndef WSPD_TESTS_BENCH_TRANSPORT_H_
#define WSPD_TESTS_BENCH_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace wspd::bench {

// What the kernel's sockets and the provider have in common. Everything blocks
// and dies on failure.

// A TCP connection, closed by the destructor.
class Stream {
 public:
  virtual ~Stream() = default;
  // All of it.
  virtual void Send(const char* data, size_t size) = 0;
  virtual void Receive(char* data, size_t size) = 0;
};

// A UDP socket that talks to one port of 127.0.0.1.
class Datagrams {
 public:
  virtual ~Datagrams() = default;
  virtual void Send(const char* data, size_t size) = 0;
  // Returns the size of what came.
  virtual size_t Receive(char* data, size_t size) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // To a port of 127.0.0.1, with no option set.
  virtual std::unique_ptr<Stream> Connect(uint16_t port) = 0;
  virtual std::unique_ptr<Datagrams> OpenDatagrams(uint16_t port) = 0;
};

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_TRANSPORT_H_
