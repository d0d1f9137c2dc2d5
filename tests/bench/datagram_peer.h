#ifndef WSPD_TESTS_BENCH_DATAGRAM_PEER_H_
#define WSPD_TESTS_BENCH_DATAGRAM_PEER_H_

#include <cstddef>
#include <cstdint>

#include "tests/bench/process.h"

namespace wspd::bench {

constexpr size_t kDatagramSize = 1400;

// The other end of the UDP rows: a process pinned to kServerCpu that uses the
// kernel's sockets. Made while the calling process has one thread.
class DatagramPeer {
 public:
  DatagramPeer();

  // Reads and forgets.
  uint16_t sink_port() const { return sink_.port; }
  // Answers a datagram of 8 bytes, a double, with datagrams of kDatagramSize as
  // fast as it can for so many seconds. One flood after the other.
  uint16_t flood_port() const { return flood_.port; }

 private:
  struct Socket {
    Socket();
    uint16_t port = 0;
    int fd = -1;
  };

  Socket sink_;
  Socket flood_;
  ChildProcess process_;
};

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_DATAGRAM_PEER_H_
