#ifndef WSPD_DAEMON_WINSOCK_GROUP_REQUEST_H_
#define WSPD_DAEMON_WINSOCK_GROUP_REQUEST_H_

#include <netinet/in.h>

namespace wspd {

// An IPv4 group on an interface, as the kernel has it. Winsock writes an
// interface where an address of it is meant as 0.x.x.x, its index in network
// order (reference, section 4.10).
inline ip_mreqn MakeGroupRequest(in_addr group, in_addr interface) {
  constexpr uint32_t kFirstAddress = 0x01000000;
  ip_mreqn request{};
  request.imr_multiaddr = group;
  const uint32_t number = ntohl(interface.s_addr);
  if (number < kFirstAddress) {
    request.imr_ifindex = static_cast<int>(number);
  } else {
    request.imr_address = interface;
  }
  return request;
}

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_GROUP_REQUEST_H_
