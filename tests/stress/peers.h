#ifndef WSPD_TESTS_STRESS_PEERS_H_
#define WSPD_TESTS_STRESS_PEERS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/stress/ledger.h"
#include "tests/testing/child_process.h"

namespace wspd::testing {

// The other ends of all connections: a process of the kernel's own sockets. It
// checks what it receives against the pattern of the connection, sends some of
// its own in random pieces with random pauses, reads some connections slowly
// and resets a few, and writes down what it saw. Datagrams are answered.
class Peers {
 public:
  Peers(const std::string& ledger_path, uint64_t seed);

  // To connect to, at random: half of them have narrow receive buffers.
  const std::vector<uint16_t>& ports() const { return ports_; }
  // To send datagrams to.
  uint16_t datagram_port() const { return datagram_port_; }

  // No client is left. Waits until every connection has ended; how many
  // haven't by the deadline, or -1 if the process is gone.
  int Finish();

 private:
  ChildProcess process_;
  uint16_t datagram_port_ = 0;
  std::vector<uint16_t> ports_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_PEERS_H_
