#ifndef WSPD_TESTS_STRESS_CLIENT_H_
#define WSPD_TESTS_STRESS_CLIENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/testing/child_process.h"

namespace wspd::testing {

struct ClientOptions {
  std::string ledger_path;
  uint16_t datagram_port = 0;  // of the peers
  std::vector<uint16_t> peer_ports;
  int threads = 0;
  int sockets = 0;  // of each thread
  uint64_t seed = 0;
  // Now and then cleans up for good while its threads go on, and starts up
  // again.
  bool cleans_up = false;
};

// A process of the provider whose threads do anything with their sockets.
// It says "running", and stops in good order, with status 0, when it is told
// "stop".
ChildProcess StartClient(const ClientOptions& options);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_CLIENT_H_
