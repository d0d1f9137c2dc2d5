#ifndef WSPD_TESTS_TESTING_ECHO_SERVER_H_
#define WSPD_TESTS_TESTING_ECHO_SERVER_H_

#include <thread>

#include "tests/testing/endpoint.h"
#include "tests/testing/owned_fd.h"
#include "tests/testing/peer_socket.h"

namespace wspd::testing {

// Sends back what any number of connections send, in a thread of its own.
class EchoServer {
 public:
  explicit EchoServer(Family family = Family::kIpv4);
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  void Serve();

  Endpoint endpoint_;
  OwnedFd listener_;
  OwnedFd stop_;
  std::thread thread_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_ECHO_SERVER_H_
