#ifndef WSPD_TESTS_BENCH_BURST_PEER_H_
#define WSPD_TESTS_BENCH_BURST_PEER_H_

#include <cstdint>

#include "tests/bench/kernel_sockets.h"
#include "tests/bench/process.h"

namespace wspd::bench {

// The other end of the rows about many sockets: a process pinned to kServerCpu.
// It takes first one connection, then `count`, and for each byte that comes on
// the first sends one to each of the others. A port serves one client.
class BurstPeer {
 public:
  // For the kernel's sockets and the provider's.
  static constexpr int kPorts = 2;

  // Made while the calling process has one thread.
  explicit BurstPeer(int count);

  uint16_t port(int index) const { return listeners_[index].port; }

 private:
  Listener listeners_[kPorts];
  ChildProcess process_;
};

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_BURST_PEER_H_
