#ifndef WSPD_TESTS_TESTING_PEER_DATAGRAMS_H_
#define WSPD_TESTS_TESTING_PEER_DATAGRAMS_H_

#include <cstdint>
#include <string>

#include "tests/testing/endpoint.h"
#include "tests/testing/owned_fd.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {

// A UDP socket of the kernel on a free port, of the loopback interface where
// nothing else is said. One thread at a time.
class PeerDatagrams {
 public:
  explicit PeerDatagrams(Family family = Family::kIpv4);
  // Bound to a numeric address, "0.0.0.0" or "127.0.0.2" for one.
  PeerDatagrams(Family family, const std::string& address);

  const Endpoint& endpoint() const { return endpoint_; }

  bool Send(const std::string& data, const Endpoint& to);
  // To a numeric address; for a group the interface is that of
  // SetMulticastInterface, which has to be called before.
  bool SendTo(const std::string& data, const std::string& address,
              uint16_t port);

  struct Datagram {
    // False: none came by the deadline.
    bool came = false;
    std::string data;
    Endpoint from;
    std::string from_address;
    // The TTL or hop limit, and the TOS or traffic class, that it came with;
    // -1 without AskForFields.
    int hops = -1;
    int traffic_class = -1;
  };
  Datagram Receive(Clock::duration deadline = kDeadline);

  // These abort on failure.
  void AllowBroadcast();
  void SetHops(int hops);
  void SetTrafficClass(int traffic_class);
  void AskForFields();
  // `interface` is an index.
  void SetMulticastInterface(unsigned interface);
  void JoinGroup(const std::string& group, unsigned interface);

  // Nobody is at the port any more.
  void Close() { fd_.Reset(-1); }

 private:
  void SetOption(int ipv4_option, int ipv6_option, int value);

  Endpoint endpoint_;  // before fd_, whose making sets it
  OwnedFd fd_;
};

// An interface that a datagram to a group comes back on: the loopback one for
// IPv4; for IPv6, which has no routes for groups there, one that is up and has
// multicast. 0 if there is none.
unsigned MulticastInterface(Family family);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_PEER_DATAGRAMS_H_
