// The ioctls about the daemon's network namespace: its interfaces, addresses
// and routes (reference, section 4.9).
#include <net/if.h>

#include <algorithm>
#include <vector>

#include "daemon/network/address_order.h"
#include "daemon/network/interface_addresses.h"
#include "daemon/network/source_address.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/ioctls.h"

namespace wspd {
namespace {

using Request = wsp::v1::IoctlRequest;
using Result = wsp::v1::IoctlResult;

// Limits of proto/README.md.
constexpr size_t kMostListed = 4096;
constexpr int kMostSorted = 1024;

WsaError QueryRoutingInterface(const Request& request, int family,
                               Result* result) {
  NetAddress destination;
  if (!DecodeAddress(request.address(), &destination)) return kWsaInval;
  if (destination.family() != family) return kWsaAfNoSupport;
  if (destination.is_any()) return kWsaInval;
  NetAddress source;
  const int error = FindSourceAddress(destination, &source);
  if (error != 0) return WsaError::FromErrno(error);
  EncodeAddress(source, result->add_addresses());
  return 0;
}

// To which an application can bind; the loopback interface's aren't counted.
WsaError QueryAddressList(const Request&, int family, Result* result) {
  std::vector<InterfaceAddress> addresses;
  const int error = ListInterfaceAddresses(family, &addresses);
  for (const InterfaceAddress& entry : addresses) {
    const bool counts =
        (entry.flags & IFF_UP) != 0 && (entry.flags & IFF_LOOPBACK) == 0;
    if (!counts) continue;
    if (static_cast<size_t>(result->addresses_size()) == kMostListed) break;
    EncodeAddress(entry.address, result->add_addresses());
  }
  return WsaError::FromErrno(error);
}

uint32_t WinsockFlags(uint32_t flags) {
  struct Pair {
    uint32_t kernel;
    uint32_t winsock;
  };
  constexpr Pair kPairs[] = {{IFF_UP, 1},
                             {IFF_BROADCAST, 2},
                             {IFF_LOOPBACK, 4},
                             {IFF_POINTOPOINT, 8},
                             {IFF_MULTICAST, 0x10}};
  uint32_t result = 0;
  for (const Pair& pair : kPairs) {
    if ((flags & pair.kernel) != 0) result |= pair.winsock;
  }
  return result;
}

WsaError GetInterfaceList(const Request&, int family, Result* result) {
  std::vector<InterfaceAddress> addresses;
  const int error = ListInterfaceAddresses(family, &addresses);
  if (addresses.size() > kMostListed) addresses.resize(kMostListed);
  for (const InterfaceAddress& entry : addresses) {
    wsp::v1::InterfaceAddress* const to = result->add_interfaces();
    to->set_flags(WinsockFlags(entry.flags));
    EncodeAddress(entry.address, to->mutable_address());
    EncodeAddress(entry.netmask, to->mutable_netmask());
    if (!entry.broadcast.empty()) {
      EncodeAddress(entry.broadcast, to->mutable_broadcast());
    }
  }
  return WsaError::FromErrno(error);
}

WsaError SortAddressList(const Request& request, int family, Result* result) {
  if (family != AF_INET6) return kWsaOpNotSupp;
  if (request.addresses_size() > kMostSorted) return kWsaInval;
  std::vector<Destination> destinations(request.addresses_size());
  for (int i = 0; i < request.addresses_size(); ++i) {
    Destination& destination = destinations[i];
    if (!DecodeAddress(request.addresses(i), &destination.address)) {
      return kWsaInval;
    }
    // Without one it stays empty.
    (void)FindSourceAddress(destination.address, &destination.source);
  }
  for (uint32_t index : OrderDestinations(destinations)) {
    result->add_order(index);
  }
  return 0;
}

struct NetworkIoctlRule {
  uint32_t code;
  WsaError (*run)(const Request&, int family, Result*);
};
constexpr NetworkIoctlRule kRules[] = {
    {0xc8000014, &QueryRoutingInterface},  // SIO_ROUTING_INTERFACE_QUERY
    {0x48000016, &QueryAddressList},       // SIO_ADDRESS_LIST_QUERY
    {0x4004747f, &GetInterfaceList},       // SIO_GET_INTERFACE_LIST
    {0xc8000019, &SortAddressList},        // SIO_ADDRESS_LIST_SORT
};

const NetworkIoctlRule* FindRule(uint32_t code) {
  for (const NetworkIoctlRule& rule : kRules) {
    if (rule.code == code) return &rule;
  }
  return nullptr;
}

}  // namespace

bool IsNetworkIoctl(uint32_t code) { return FindRule(code) != nullptr; }

WsaError NetworkIoctl(const Request& request, int family, Result* result) {
  const NetworkIoctlRule* const rule = FindRule(request.code());
  return rule == nullptr ? WsaError(kWsaOpNotSupp)
                         : rule->run(request, family, result);
}

}  // namespace wspd
