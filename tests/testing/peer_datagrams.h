#ifndef WSPD_TESTS_TESTING_PEER_DATAGRAMS_H_
#define WSPD_TESTS_TESTING_PEER_DATAGRAMS_H_

#include <string>

#include "tests/testing/endpoint.h"
#include "tests/testing/owned_fd.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {

// A UDP socket of the kernel on a free port of the loopback interface. One
// thread at a time.
class PeerDatagrams {
 public:
  explicit PeerDatagrams(Family family = Family::kIpv4);

  const Endpoint& endpoint() const { return endpoint_; }

  bool Send(const std::string& data, const Endpoint& to);

  struct Datagram {
    // False: none came by the deadline.
    bool came = false;
    std::string data;
    Endpoint from;
  };
  Datagram Receive(Clock::duration deadline = kDeadline);

  // Nobody is at the port any more.
  void Close() { fd_.Reset(-1); }

 private:
  OwnedFd fd_;
  Endpoint endpoint_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_PEER_DATAGRAMS_H_
