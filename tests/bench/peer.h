#ifndef WSPD_TESTS_BENCH_PEER_H_
#define WSPD_TESTS_BENCH_PEER_H_

#include <cstddef>
#include <cstdint>

#include "tests/bench/kernel_sockets.h"
#include "tests/bench/process.h"

namespace wspd::bench {

constexpr size_t kEchoSize = 64;
constexpr size_t kBulkSize = size_t{64} << 10;
constexpr size_t kRequestSize = 1024;

// What a peer serves, each on a port of its own and each connection by a
// thread of its own, but requests one after another.
enum Service {
  kEcho,      // returns each message of kEchoSize
  kSink,      // a count of 8 bytes, so many bytes; answers with one byte; again
  kSlowSink,  // reads kBulkSize every kSlowSinkPeriod, for ever
  kRequests,  // reads and returns kRequestSize, awaits the end
  kKeep,      // accepts and keeps
  kServiceCount,
};

constexpr double kSlowSinkPeriod = 0.001;
constexpr int kSlowSinkReceiveBuffer = 256 << 10;

// The other end of every connection: a process pinned to kServerCpu that uses
// the kernel's sockets. Made while the calling process has one thread.
class Peer {
 public:
  Peer();
  uint16_t port(Service service) const { return listeners_[service].port; }

 private:
  Listener listeners_[kServiceCount];
  ChildProcess process_;
};

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_PEER_H_
