#include "daemon/resolver/own_host.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

namespace wspd {
namespace {

void AddInterfaces(const ifaddrs* list, int family, bool loopback,
                   LookupAnswer* answer) {
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || (each->ifa_flags & IFF_UP) == 0 ||
        ((each->ifa_flags & IFF_LOOPBACK) != 0) != loopback ||
        answer->addresses.size() == kMostLookupAddresses) {
      continue;
    }
    const int its_family = each->ifa_addr->sa_family;
    if (family != AF_UNSPEC && family != its_family) continue;
    LookupAnswer::Address entry;
    if (its_family == AF_INET) {
      entry.address =
          NetAddress(*reinterpret_cast<const sockaddr_in*>(each->ifa_addr));
    } else if (its_family == AF_INET6) {
      entry.address =
          NetAddress(*reinterpret_cast<const sockaddr_in6*>(each->ifa_addr));
    } else {
      continue;
    }
    answer->addresses.push_back(entry);
  }
}

}  // namespace

LookupAnswer DescribeOwnHost(int family) {
  LookupAnswer answer;
  char name[256] = {};
  ifaddrs* list = nullptr;
  if (gethostname(name, sizeof(name) - 1) != 0 || getifaddrs(&list) != 0) {
    return LookupError::kNoRecovery;
  }
  answer.canonical_name = name;
  AddInterfaces(list, family, /*loopback=*/false, &answer);
  if (answer.addresses.empty()) {
    AddInterfaces(list, family, /*loopback=*/true, &answer);
  }
  freeifaddrs(list);
  return answer;
}

}  // namespace wspd
