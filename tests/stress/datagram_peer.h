#ifndef WSPD_TESTS_STRESS_DATAGRAM_PEER_H_
#define WSPD_TESTS_STRESS_DATAGRAM_PEER_H_

#include <cstdint>
#include <unordered_map>

#include "tests/stress/datagram.h"
#include "tests/stress/ledger.h"
#include "tests/testing/owned_fd.h"

namespace wspd::testing {

// A socket of the kernel's to which datagrams are sent. Each has to come as it
// was sent and at most once, and is answered by another. Never blocks. One
// thread.
class DatagramPeer {
 public:
  explicit DatagramPeer(Ledger* ledger);

  int fd() const { return fd_.get(); }
  uint16_t port() const { return port_; }

  // There may be something to read.
  void OnReadable();

 private:
  Ledger* const ledger_;
  OwnedFd fd_;
  uint16_t port_ = 0;
  std::unordered_map<uint32_t, NumbersSeen> seen_;  // by record
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_DATAGRAM_PEER_H_
