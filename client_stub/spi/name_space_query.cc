/* clang-format off */
#include "client_stub/spi/name_space_query.h"  // before all others
/* clang-format on */

#include <svcguid.h>

#include <algorithm>
#include <cstring>

#include "client_stub/spi/address_strings.h"
#include "client_stub/spi/socket_addresses.h"
#include "client_stub/spi/utf16.h"
#include "proto/wire_fields.h"

namespace wsp {

const GUID kNameSpaceProviderId = {
    0x22059d40,
    0x7e9e,
    0x11cf,
    {0xae, 0x5a, 0x00, 0xaa, 0x00, 0xa7, 0x11, 0x2b}};

namespace {

using Request = wire::LookupRequest;
using Socket = wire::SocketRequest;

// Of the wire, with room for a final dot and "/tcp".
constexpr size_t kMostNameBytes = 254;
constexpr size_t kMostServiceBytes = 68;

// The upper halves of the numbers of SVCID_TCP_RR's and SVCID_UDP_RR's classes.
constexpr DWORD kTcpClasses = 9;
constexpr DWORD kUdpClasses = 10;

// Types of DNS records.
constexpr WORD kAnyOfRecord = 0;
constexpr WORD kA = 1;
constexpr WORD kPtr = 12;
constexpr WORD kAaaa = 28;
constexpr WORD kAny = 255;

bool Equal(const GUID& a, const GUID& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

// A class of SVCID_TCP_RR's kind: the upper half of its number, else 0.
DWORD PortClass(const GUID& id) {
  const GUID plain = SVCID_TCP_RR(0, 0);
  if (id.Data2 != 0 || std::memcmp(id.Data4, plain.Data4, 8) != 0) return 0;
  return id.Data1 >> 16;
}

uint32_t ReadProtocols(const WSAQUERYSETW& from, LookupParams* params) {
  if (from.dwNumberOfProtocols == 0) return 0;
  if (from.lpafpProtocols == nullptr) return WSAEINVAL;
  bool ipv4 = false;
  bool ipv6 = false;
  bool tcp = false;
  bool udp = false;
  for (DWORD i = 0; i < from.dwNumberOfProtocols; ++i) {
    const AFPROTOCOLS& each = from.lpafpProtocols[i];
    const bool all = each.iAddressFamily == AF_UNSPEC;
    const bool any = each.iProtocol == 0;
    if (!all && each.iAddressFamily != AF_INET &&
        each.iAddressFamily != AF_INET6) {
      continue;
    }
    if (!any && each.iProtocol != IPPROTO_TCP &&
        each.iProtocol != IPPROTO_UDP) {
      continue;
    }
    ipv4 |= all || each.iAddressFamily == AF_INET;
    ipv6 |= all || each.iAddressFamily == AF_INET6;
    tcp |= any || each.iProtocol == IPPROTO_TCP;
    udp |= any || each.iProtocol == IPPROTO_UDP;
  }
  if (!ipv4 && !ipv6) return WSANO_DATA;
  if (ipv4 != ipv6) {
    params->family = ipv4 ? Socket::FAMILY_IPV4 : Socket::FAMILY_IPV6;
  }
  if (tcp != udp) {
    params->type = tcp ? Socket::TYPE_STREAM : Socket::TYPE_DATAGRAM;
  }
  return 0;
}

uint32_t ReadHost(LPCWSTR name, LookupParams* params) {
  if (name == nullptr || *name == 0) {
    params->kind = Request::KIND_OWN_HOST;
    return 0;
  }
  params->kind = Request::KIND_HOST;
  return Utf8FromWide(name, kMostNameBytes, &params->name) ? 0 : WSAEINVAL;
}

uint32_t ReadNumeric(LPCWSTR name, LookupParams* params) {
  params->kind = Request::KIND_ADDRESS;
  for (const int family : {AF_INET, AF_INET6}) {
    sockaddr_storage storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    int length = sizeof storage;
    if (StringToAddress(name, family, nullptr, address, &length) != 0 ||
        ReadSocketAddress(address, length, family, &params->address) != 0) {
      continue;
    }
    // A host has no port.
    return params->address.port == 0 ? 0 : WSAEINVAL;
  }
  return WSAEINVAL;
}

uint32_t ReadService(LPCWSTR name, LookupParams* params) {
  ByteBuffer text;
  if (name == nullptr || !Utf8FromWide(name, kMostServiceBytes, &text)) {
    return WSAEINVAL;
  }
  const auto slash = std::find(text.begin(), text.end(), '/');
  if (slash != text.end()) {
    const ByteBuffer protocol(slash + 1, text.end());
    uint32_t type = 0;
    if (protocol == ByteBuffer{'t', 'c', 'p'}) type = Socket::TYPE_STREAM;
    if (protocol == ByteBuffer{'u', 'd', 'p'}) type = Socket::TYPE_DATAGRAM;
    const bool excluded = params->type != 0 && params->type != type;
    if (type == 0 || excluded) return WSASERVICE_NOT_FOUND;
    params->type = type;
  }
  params->kind = Request::KIND_SERVICE;
  params->service.assign(text.begin(), slash);
  return params->service.empty() ? WSAEINVAL : 0;
}

// A host with a port, by SVCID_TCP_RR or SVCID_UDP_RR.
uint32_t ReadPortClass(LPCWSTR name, uint32_t type, NameSpaceQuery* query) {
  LookupParams* params = &query->params;
  if (params->type != 0 && params->type != type) return WSANO_DATA;
  params->type = type;
  query->port = static_cast<WORD>(query->service_class.Data1);
  uint32_t family = 0;
  switch (query->service_class.Data3) {
    case kAnyOfRecord:
    case kAny:
      break;
    case kA:
      family = Socket::FAMILY_IPV4;
      break;
    case kAaaa:
      family = Socket::FAMILY_IPV6;
      break;
    case kPtr:
      return ReadNumeric(name, params);
    default:
      return WSANO_DATA;
  }
  if (family != 0) {
    if (params->family != 0 && params->family != family) return WSANO_DATA;
    params->family = family;
  }
  return ReadHost(name, params);
}

uint32_t ReadClass(LPCWSTR name, NameSpaceQuery* query) {
  const GUID& id = query->service_class;
  LookupParams* params = &query->params;
  if (Equal(id, SVCID_HOSTNAME) || Equal(id, SVCID_INET_HOSTADDRBYNAME)) {
    return ReadHost(name, params);
  }
  if (Equal(id, SVCID_INET_HOSTADDRBYINETSTRING)) {
    return ReadNumeric(name, params);
  }
  if (Equal(id, SVCID_INET_SERVICEBYNAME)) return ReadService(name, params);
  switch (PortClass(id)) {
    case kTcpClasses:
      return ReadPortClass(name, Socket::TYPE_STREAM, query);
    case kUdpClasses:
      return ReadPortClass(name, Socket::TYPE_DATAGRAM, query);
    default:
      return WSASERVICE_NOT_FOUND;
  }
}

void KeepQueryString(LPCWSTR text, NameSpaceQuery* query) {
  if (text == nullptr) return;
  const WCHAR* end = text;
  while (*end != 0) ++end;
  query->query_string.assign(text, end + 1);
}

}  // namespace

bool IsNameSpaceProvider(LPGUID provider) {
  return provider != nullptr && Equal(*provider, kNameSpaceProviderId);
}

uint32_t ReadNameSpaceQuery(const WSAQUERYSETW* restrictions, DWORD flags,
                            NameSpaceQuery* query) {
  if (restrictions == nullptr || restrictions->dwSize < sizeof(WSAQUERYSETW) ||
      restrictions->lpServiceClassId == nullptr) {
    return WSAEINVAL;
  }
  const DWORD name_space = restrictions->dwNameSpace;
  if (name_space != NS_ALL && name_space != NS_DNS) return WSAEINVAL;
  if ((flags & LUP_CONTAINERS) != 0) return WSANO_DATA;
  query->flags = flags;
  query->service_class = *restrictions->lpServiceClassId;
  query->params.want_aliases =
      (flags & (LUP_RETURN_ALIASES | LUP_RETURN_BLOB)) != 0;
  if (const uint32_t error = ReadProtocols(*restrictions, &query->params)) {
    return error;
  }
  if (const uint32_t error =
          ReadClass(restrictions->lpszServiceInstanceName, query)) {
    return error;
  }
  const bool udp = query->params.type == Socket::TYPE_DATAGRAM;
  query->socket_type = udp ? SOCK_DGRAM : SOCK_STREAM;
  query->protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
  KeepQueryString(restrictions->lpszQueryString, query);
  return 0;
}

}  // namespace wsp
