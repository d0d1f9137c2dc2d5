#ifndef WSPD_TESTS_BENCH_MANY_SOCKETS_H_
#define WSPD_TESTS_BENCH_MANY_SOCKETS_H_

#include <memory>

#include "tests/bench/spi_transport.h"

namespace wspd::bench {

// Many connections to a BurstPeer, and what says which of them are readable.
// Everything dies on failure.
class ManySockets {
 public:
  virtual ~ManySockets() = default;

  // Has the peer send a byte to each, and waits until all have it.
  virtual void Burst() = 0;
  // How many are readable, by one call that doesn't wait: poll(), WSPSelect.
  virtual int CountReadable() = 0;
  // Asks for the events of all: epoll_wait once, WSPEnumNetworkEvents of each.
  // How many are readable anew.
  virtual int TakeEvents() = 0;
  // Reads the bytes.
  virtual void Read() = 0;
};

std::unique_ptr<ManySockets> MakeKernelSockets(uint16_t port, int count);
std::unique_ptr<ManySockets> MakeSpiSockets(SpiTransport* transport,
                                            uint16_t port, int count);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_MANY_SOCKETS_H_
