#include "client_stub/preload/address_info.h"

#include <arpa/inet.h>
#include <string.h>

#include "client_stub/preload/lookup_addresses.h"
#include "client_stub/preload/real_functions.h"

namespace wsp {
namespace {

// The port of one of the C library's own answers.
uint16_t PortOf(const addrinfo& service) {
  return ntohs(reinterpret_cast<const sockaddr_in*>(service.ai_addr)->sin_port);
}

addrinfo* MakeItem(const Address& address, bool as_ipv6,
                   const addrinfo& service) {
  const size_t size = as_ipv6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  auto* item = static_cast<addrinfo*>(Real().malloc(sizeof(addrinfo) + size));
  if (item == nullptr) return nullptr;
  memset(item, 0, sizeof *item);
  item->ai_family = as_ipv6 ? AF_INET6 : AF_INET;
  item->ai_socktype = service.ai_socktype;
  item->ai_protocol = service.ai_protocol;
  item->ai_addrlen = static_cast<socklen_t>(size);
  item->ai_addr = reinterpret_cast<sockaddr*>(item + 1);
  const uint16_t port = PortOf(service);
  if (as_ipv6) {
    const sockaddr_in6 ipv6 = Ipv6SocketAddress(address, port);
    memcpy(item->ai_addr, &ipv6, sizeof ipv6);
  } else {
    const sockaddr_in ipv4 = Ipv4SocketAddress(address, port);
    memcpy(item->ai_addr, &ipv4, sizeof ipv4);
  }
  return item;
}

bool HasIpv6(const LookupReply& reply) {
  for (const LookupReply::Entry& entry : reply.addresses) {
    if (entry.address.family == Address::kIpv6) return true;
  }
  return false;
}

}  // namespace

AddressFamilies FamiliesOf(const addrinfo& hints) {
  AddressFamilies families;
  families.asked = hints.ai_family;
  if (hints.ai_family == AF_INET6 && (hints.ai_flags & AI_V4MAPPED) != 0) {
    families.map_ipv4 = true;
    families.map_only_without_ipv6 = (hints.ai_flags & AI_ALL) == 0;
  }
  return families;
}

bool RestrictToConfigured(const LookupReply& own_host,
                          AddressFamilies* families) {
  bool ipv4 = false;
  bool ipv6 = false;
  for (const LookupReply::Entry& entry : own_host.addresses) {
    if (IsLoopback(entry.address)) continue;
    (entry.address.family == Address::kIpv4 ? ipv4 : ipv6) = true;
  }
  if (families->asked == AF_INET) return ipv4;
  if (families->asked == AF_INET6) return ipv6;
  if (ipv4 != ipv6) families->asked = ipv4 ? AF_INET : AF_INET6;
  return true;
}

int MakeAddressList(const LookupReply& reply, const AddressFamilies& families,
                    const addrinfo* services, const char* canonical_name,
                    addrinfo** list) {
  const bool take_ipv6 = families.asked != AF_INET;
  const bool take_ipv4 = families.asked != AF_INET6 ||
                         (families.map_ipv4 &&
                          !(families.map_only_without_ipv6 && HasIpv6(reply)));
  addrinfo* first = nullptr;
  addrinfo** end = &first;
  const auto fail = [&first](int error) {
    if (first != nullptr) freeaddrinfo(first);
    return error;
  };
  for (const LookupReply::Entry& entry : reply.addresses) {
    const bool is_ipv6 = entry.address.family == Address::kIpv6;
    if (is_ipv6 ? !take_ipv6 : !take_ipv4) continue;
    const bool as_ipv6 = is_ipv6 || families.asked == AF_INET6;
    for (const addrinfo* service = services; service != nullptr;
         service = service->ai_next) {
      *end = MakeItem(entry.address, as_ipv6, *service);
      if (*end == nullptr) return fail(EAI_MEMORY);
      end = &(*end)->ai_next;
    }
  }
  if (first == nullptr) return EAI_NODATA;
  if (canonical_name != nullptr) {
    const size_t size = strlen(canonical_name) + 1;
    first->ai_canonname = static_cast<char*>(Real().malloc(size));
    if (first->ai_canonname == nullptr) return fail(EAI_MEMORY);
    memcpy(first->ai_canonname, canonical_name, size);
  }
  *list = first;
  return 0;
}

}  // namespace wsp
