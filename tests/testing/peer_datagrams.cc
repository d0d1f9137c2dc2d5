#include "tests/testing/peer_datagrams.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

namespace wspd::testing {
namespace {

constexpr size_t kMostBytes = 64 << 10;

struct Address {
  sockaddr_in6 storage = {};
  socklen_t length = sizeof(storage);

  Address() = default;
  explicit Address(const Endpoint& endpoint) {
    if (endpoint.family == Family::kIpv6) {
      storage.sin6_family = AF_INET6;
      storage.sin6_addr = in6addr_loopback;
    } else {
      in()->sin_family = AF_INET;
      in()->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      length = sizeof(sockaddr_in);
    }
    // At the same place in both.
    storage.sin6_port = htons(endpoint.port);
  }
  Address(const Endpoint& endpoint, const std::string& text)
      : Address(endpoint) {
    void* const bytes = endpoint.family == Family::kIpv6
                            ? static_cast<void*>(&storage.sin6_addr)
                            : &in()->sin_addr;
    if (inet_pton(storage.sin6_family, text.c_str(), bytes) != 1) abort();
  }

  sockaddr_in* in() { return reinterpret_cast<sockaddr_in*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  // Without the port.
  std::string ToText() const {
    const void* const bytes =
        storage.sin6_family == AF_INET6
            ? static_cast<const void*>(&storage.sin6_addr)
            : &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr;
    char text[INET6_ADDRSTRLEN];
    const char* const done =
        inet_ntop(storage.sin6_family, bytes, text, sizeof(text));
    return done == nullptr ? "" : done;
  }
  Endpoint ToEndpoint() const {
    return {storage.sin6_family == AF_INET6 ? Family::kIpv6 : Family::kIpv4,
            ntohs(storage.sin6_port)};
  }
};

OwnedFd NewBound(Family family, Address address, Endpoint* endpoint) {
  OwnedFd fd(socket(family == Family::kIpv4 ? AF_INET : AF_INET6,
                    SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (bind(fd.get(), address.get(), address.length) != 0 ||
      getsockname(fd.get(), address.get(), &address.length) != 0) {
    abort();
  }
  *endpoint = address.ToEndpoint();
  return fd;
}

void Set(int fd, int level, int option, const void* value, size_t size) {
  if (setsockopt(fd, level, option, value, static_cast<socklen_t>(size)) != 0) {
    abort();
  }
}

int FirstInt(cmsghdr* header) {
  int value = 0;
  // IP_TOS comes as one byte.
  memcpy(&value, CMSG_DATA(header),
         std::min(sizeof(value), header->cmsg_len - CMSG_LEN(0)));
  return value;
}

void ReadFields(msghdr* message, PeerDatagrams::Datagram* datagram) {
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr;
       header = CMSG_NXTHDR(message, header)) {
    const bool ipv6 = header->cmsg_level == IPPROTO_IPV6;
    if (header->cmsg_type == (ipv6 ? IPV6_HOPLIMIT : IP_TTL)) {
      datagram->hops = FirstInt(header);
    } else if (header->cmsg_type == (ipv6 ? IPV6_TCLASS : IP_TOS)) {
      datagram->traffic_class = FirstInt(header);
    }
  }
}

}  // namespace

PeerDatagrams::PeerDatagrams(Family family)
    : fd_(NewBound(family, Address(Endpoint{family, 0}), &endpoint_)) {}

PeerDatagrams::PeerDatagrams(Family family, const std::string& address)
    : fd_(NewBound(family, Address(Endpoint{family, 0}, address), &endpoint_)) {
}

bool PeerDatagrams::Send(const std::string& data, const Endpoint& to) {
  Address address(to);
  return sendto(fd_.get(), data.data(), data.size(), 0, address.get(),
                address.length) == static_cast<ssize_t>(data.size());
}

bool PeerDatagrams::SendTo(const std::string& data, const std::string& address,
                           uint16_t port) {
  Address to({endpoint_.family, port}, address);
  return sendto(fd_.get(), data.data(), data.size(), 0, to.get(), to.length) ==
         static_cast<ssize_t>(data.size());
}

PeerDatagrams::Datagram PeerDatagrams::Receive(Clock::duration deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline).count();
  pollfd wait = {fd_.get(), POLLIN, 0};
  Datagram datagram;
  if (poll(&wait, 1, static_cast<int>(left)) != 1) return datagram;
  datagram.data.resize(kMostBytes);
  Address address;
  alignas(cmsghdr) char control[256];
  iovec part = {&datagram.data[0], datagram.data.size()};
  msghdr message = {};
  message.msg_name = address.get();
  message.msg_namelen = address.length;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t size = recvmsg(fd_.get(), &message, 0);
  datagram.came = size >= 0;
  datagram.data.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
  datagram.from = address.ToEndpoint();
  datagram.from_address = address.ToText();
  if (datagram.came) ReadFields(&message, &datagram);
  return datagram;
}

void PeerDatagrams::SetOption(int ipv4_option, int ipv6_option, int value) {
  const bool ipv6 = endpoint_.family == Family::kIpv6;
  Set(fd_.get(), ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
      ipv6 ? ipv6_option : ipv4_option, &value, sizeof(value));
}

void PeerDatagrams::AllowBroadcast() {
  const int on = 1;
  Set(fd_.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
}

void PeerDatagrams::SetHops(int hops) {
  SetOption(IP_TTL, IPV6_UNICAST_HOPS, hops);
}

void PeerDatagrams::SetTrafficClass(int traffic_class) {
  SetOption(IP_TOS, IPV6_TCLASS, traffic_class);
}

void PeerDatagrams::AskForFields() {
  SetOption(IP_RECVTTL, IPV6_RECVHOPLIMIT, 1);
  SetOption(IP_RECVTOS, IPV6_RECVTCLASS, 1);
}

void PeerDatagrams::SetMulticastInterface(unsigned interface) {
  if (endpoint_.family == Family::kIpv6) {
    Set(fd_.get(), IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface,
        sizeof(interface));
    return;
  }
  ip_mreqn request = {};
  request.imr_ifindex = static_cast<int>(interface);
  Set(fd_.get(), IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof(request));
}

void PeerDatagrams::JoinGroup(const std::string& group, unsigned interface) {
  const Address address({endpoint_.family, 0}, group);
  group_req request = {};
  request.gr_interface = interface;
  memcpy(&request.gr_group, &address.storage, address.length);
  Set(fd_.get(), endpoint_.family == Family::kIpv6 ? IPPROTO_IPV6 : IPPROTO_IP,
      MCAST_JOIN_GROUP, &request, sizeof(request));
}

unsigned MulticastInterface(Family family) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return 0;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) {
      continue;
    }
    const bool fits = family == Family::kIpv4
                          ? (entry->ifa_flags & IFF_LOOPBACK) != 0
                          : (entry->ifa_flags & IFF_MULTICAST) != 0 &&
                                (entry->ifa_flags & IFF_LOOPBACK) == 0 &&
                                entry->ifa_addr->sa_family == AF_INET6;
    if (fits) return if_nametoindex(entry->ifa_name);
  }
  return 0;
}

}  // namespace wspd::testing
