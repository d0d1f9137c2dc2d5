#include "daemon/network/interface_addresses.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

namespace wspd {
namespace {

NetAddress Read(const sockaddr* from, int family) {
  if (from == nullptr || from->sa_family != family) return NetAddress();
  NetAddress address;
  memcpy(address.Buffer(), from,
         family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
  return address;
}

}  // namespace

int ListInterfaceAddresses(int family,
                           std::vector<InterfaceAddress>* addresses) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return errno;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list,
                                                               &freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    InterfaceAddress address;
    address.address = Read(entry->ifa_addr, family);
    if (address.address.empty()) continue;
    address.interface_index = if_nametoindex(entry->ifa_name);
    address.flags = entry->ifa_flags;
    address.netmask = Read(entry->ifa_netmask, family);
    // Else it is the other end of a point-to-point link.
    if ((entry->ifa_flags & IFF_BROADCAST) != 0) {
      address.broadcast = Read(entry->ifa_broadaddr, family);
    }
    addresses->push_back(address);
  }
  return 0;
}

}  // namespace wspd
