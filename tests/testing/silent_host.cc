#include "tests/testing/silent_host.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cstring>

#include "gtest/gtest.h"
#include "tests/testing/network_namespace.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

// Comes behind all others.
constexpr char kLast[] = "the last one";
constexpr size_t kUdpHeader = 8;
// Hours, at one a second.
constexpr char kManyProbes[] = " dev v0 mcast_probes 100000";

// What arrives at the other end of v0.
OwnedFd PacketsAtV1(Family family) {
  const uint16_t protocol =
      htons(family == Family::kIpv4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
  OwnedFd fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, protocol));
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = protocol;
  address.sll_ifindex = static_cast<int>(if_nametoindex("v1"));
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
      0) {
    abort();
  }
  return fd;
}

// A socket that sends to the host.
OwnedFd Sender(Family family) {
  OwnedFd fd(socket(family == Family::kIpv4 ? AF_INET : AF_INET6,
                    SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage = {};
  socklen_t length;
  if (family == Family::kIpv4) {
    auto* const in = reinterpret_cast<sockaddr_in*>(&storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(SilentHost::kPort);
    memcpy(&in->sin_addr, SilentHost::kIpv4, sizeof(SilentHost::kIpv4));
    length = sizeof(*in);
  } else {
    auto* const in6 = reinterpret_cast<sockaddr_in6*>(&storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(SilentHost::kPort);
    memcpy(&in6->sin6_addr, SilentHost::kIpv6, sizeof(SilentHost::kIpv6));
    length = sizeof(*in6);
  }
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) {
    abort();
  }
  return fd;
}

}  // namespace

SilentHost::SilentHost(Family family) : family_(family) {
  const bool ipv4 = family == Family::kIpv4;
  const bool done = Ip(ipv4 ? "addr add 192.0.2.1/24 dev v0"
                            : "addr add 2001:db8::1/64 dev v0 nodad") &&
                    Ip(std::string("ntable change name ") +
                       (ipv4 ? "arp_cache" : "ndisc_cache") + kManyProbes);
  if (!done) abort();
  packets_ = PacketsAtV1(family);
  sender_ = Sender(family);
}

void SilentHost::Appear() {
  // Nobody has the hardware address, but all that is sent to it is seen.
  Ip(std::string("neigh replace ") +
     (family_ == Family::kIpv4 ? "192.0.2.9" : "2001:db8::9") +
     " lladdr 02:00:00:00:00:09 dev v0 nud permanent");
}

std::vector<std::string> SilentHost::TakeDatagrams() {
  EXPECT_EQ(send(sender_.get(), kLast, strlen(kLast), 0),
            static_cast<ssize_t>(strlen(kLast)));
  std::vector<std::string> datagrams;
  for (;;) {
    pollfd wait = {packets_.get(), POLLIN, 0};
    if (poll(&wait, 1, static_cast<int>(milliseconds(kDeadline).count())) !=
        1) {
      ADD_FAILURE() << "nothing comes any more";
      return datagrams;
    }
    char packet[65536];
    const ssize_t size = recv(packets_.get(), packet, sizeof(packet), 0);
    const auto* const bytes = reinterpret_cast<unsigned char*>(packet);
    // IPv4 says how long its header is and what follows; IPv6's has no
    // extensions here.
    const size_t header =
        family_ == Family::kIpv4 ? size_t{bytes[0] & 0xfu} * 4 : 40;
    const int protocol = family_ == Family::kIpv4 ? bytes[9] : bytes[6];
    if (size < static_cast<ssize_t>(header + kUdpHeader) ||
        protocol != IPPROTO_UDP) {
      continue;
    }
    datagrams.emplace_back(packet + header + kUdpHeader, packet + size);
    if (datagrams.back() == kLast) {
      datagrams.pop_back();
      return datagrams;
    }
  }
}

}  // namespace wspd::testing
