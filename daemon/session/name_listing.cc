#include "daemon/session/name_listing.h"

#include <arpa/inet.h>

#include <string>

namespace wspd {
namespace {

std::string AddressText(const NetAddress& address) {
  char text[INET6_ADDRSTRLEN];
  const void* const bytes =
      address.family() == AF_INET6
          ? static_cast<const void*>(&address.v6().sin6_addr)
          : &address.v4().sin_addr;
  return inet_ntop(address.family(), bytes, text, sizeof(text)) == nullptr
             ? ""
             : text;
}

wsp::v1::LookedUpName::Family FamilyOf(int family) {
  switch (family) {
    case AF_INET:
      return wsp::v1::LookedUpName::FAMILY_IPV4;
    case AF_INET6:
      return wsp::v1::LookedUpName::FAMILY_IPV6;
    default:
      return wsp::v1::LookedUpName::FAMILY_UNSPECIFIED;
  }
}

}  // namespace

void DescribeName(const LookedUpName& name, wsp::v1::LookedUpName* out) {
  out->set_number(name.number);
  out->set_name(name.name);
  out->set_family(FamilyOf(name.family));
  out->set_canonical_name(name.canonical_name);
  for (const NetAddress& address : name.addresses) {
    out->add_addresses(AddressText(address));
  }
  out->set_address_count(static_cast<uint32_t>(name.address_count));
  out->set_wsa_error(name.wsa_error);
  out->set_lookups(name.lookups);
  out->set_failures(name.failures);
  out->set_first_at_ns(absl::ToUnixNanos(name.first_at));
  out->set_last_at_ns(absl::ToUnixNanos(name.last_at));
  if (name.found_at != absl::InfinitePast()) {
    out->set_found_at_ns(absl::ToUnixNanos(name.found_at));
  }
}

}  // namespace wspd
