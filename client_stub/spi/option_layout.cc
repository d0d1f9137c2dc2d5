#include "client_stub/spi/option_layout.h"

#include <ws2tcpip.h>

#include <algorithm>
#include <cstring>

namespace wsp {
namespace {

using Kind = OptionKind;

// TCP_NOSYNRETRIES, which not all of Windows' headers have.
constexpr int kTcpNoSynRetries = 9;

constexpr OptionLayout kOptions[] = {
    {SOL_SOCKET, SO_KEEPALIVE, Kind::kBool, 1, false},
    {SOL_SOCKET, SO_DONTROUTE, Kind::kBool, 1, false},
    {SOL_SOCKET, SO_BROADCAST, Kind::kBool, 4, true},
    {SOL_SOCKET, SO_DONTLINGER, Kind::kBool, 4, true},
    {SOL_SOCKET, SO_OOBINLINE, Kind::kBool, 4, true},
    {SOL_SOCKET, SO_REUSEADDR, Kind::kBool, 4, true},
    {SOL_SOCKET, SO_EXCLUSIVEADDRUSE, Kind::kBool, 4, true},
    {SOL_SOCKET, SO_DEBUG, Kind::kBool, 4, false},
    {SOL_SOCKET, SO_USELOOPBACK, Kind::kBool, 4, false},
    {SOL_SOCKET, SO_ACCEPTCONN, Kind::kBool, 4, false},
    {SOL_SOCKET, SO_CONDITIONAL_ACCEPT, Kind::kBool, 4, false},
    {SOL_SOCKET, SO_LINGER, Kind::kLinger, 4, false},

    {IPPROTO_TCP, TCP_NODELAY, Kind::kLowByte, 1, false},
    {IPPROTO_TCP, TCP_EXPEDITED_1122, Kind::kBool, 4, false},
    {IPPROTO_TCP, kTcpNoSynRetries, Kind::kBool, 4, false},
    {IPPROTO_UDP, UDP_NOCHECKSUM, Kind::kBool, 4, false},
    {IPPROTO_UDP, UDP_CHECKSUM_COVERAGE, Kind::kBool, 4, false},

    {IPPROTO_IP, IP_OPTIONS, Kind::kStructure, 0, true},
    {IPPROTO_IP, IP_TOS, Kind::kShortNumber, 4, false},
    {IPPROTO_IP, IP_TTL, Kind::kShortNumber, 4, false},
    {IPPROTO_IP, IP_MULTICAST_TTL, Kind::kShortNumber, 4, false},
    {IPPROTO_IP, IP_MULTICAST_LOOP, Kind::kBool, 4, false},
    {IPPROTO_IP, IP_DONTFRAGMENT, Kind::kBool, 4, false},
    {IPPROTO_IP, IP_ADD_MEMBERSHIP, Kind::kStructure, sizeof(ip_mreq), false},
    {IPPROTO_IP, IP_DROP_MEMBERSHIP, Kind::kStructure, sizeof(ip_mreq), false},
    {IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, Kind::kStructure,
     sizeof(ip_mreq_source), false},
    {IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, Kind::kStructure,
     sizeof(ip_mreq_source), false},
    {IPPROTO_IP, IP_BLOCK_SOURCE, Kind::kStructure, sizeof(ip_mreq_source),
     false},
    {IPPROTO_IP, IP_UNBLOCK_SOURCE, Kind::kStructure, sizeof(ip_mreq_source),
     false},

    {IPPROTO_IP, IP_GET_IFLIST, Kind::kStructure, 0, false},

    {IPPROTO_IPV6, IPV6_GET_IFLIST, Kind::kStructure, 0, false},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, Kind::kShortNumber, 4, false},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, Kind::kShortNumber, 4, false},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, Kind::kBool, 4, false},
    {IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, Kind::kStructure, sizeof(ipv6_mreq),
     false},
    {IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP, Kind::kStructure, sizeof(ipv6_mreq),
     false},
    {IPPROTO_IPV6, IPV6_DONTFRAG, Kind::kBool, 4, false},
    {IPPROTO_IPV6, IPV6_V6ONLY, Kind::kBool, 1, false},
};

// Whether a buffer shorter than four bytes is too short.
bool IsExact(const OptionLayout& layout) {
  return layout.kind == Kind::kNumber || layout.kind == Kind::kLinger;
}

}  // namespace

OptionLayout LayoutOfOption(int level, int option) {
  for (const OptionLayout& layout : kOptions) {
    if (layout.level == level && layout.option == option) return layout;
  }
  return {level, option, Kind::kNumber, 4, false};
}

uint32_t ReadOption(const OptionLayout& layout, const char* value, int length,
                    uint32_t* number) {
  *number = 0;
  if (length == 0 && layout.may_be_empty) return 0;
  if (value == nullptr || length == 0) return WSAEFAULT;
  if (length < 0) {
    // As Windows does: such a length isn't looked at where 4 bytes are meant.
    if (layout.level != SOL_SOCKET || layout.bytes != 4) return WSAENOBUFS;
    length = 4;
  }
  if (layout.kind == Kind::kStructure) {
    return length < layout.bytes ? WSAEFAULT : 0;
  }
  if (IsExact(layout) && length < 4) return WSAEFAULT;
  std::memcpy(number, value, static_cast<size_t>(std::min(length, 4)));
  if (layout.kind == Kind::kLowByte) *number &= 0xff;
  const bool truth =
      layout.kind == Kind::kBool || layout.kind == Kind::kLowByte;
  if (truth) *number = *number != 0;
  return 0;
}

uint32_t WriteOption(const OptionLayout& layout, uint32_t number, char* value,
                     int* length) {
  const int size = std::min(*length, layout.bytes);
  if (IsExact(layout) && size < 4) return WSAEFAULT;
  std::memcpy(value, &number, static_cast<size_t>(size));
  *length = size;
  return 0;
}

uint32_t WriteStructure(const void* data, int size, char* value, int* length) {
  const bool fits = *length >= size;
  *length = size;
  if (!fits) return WSAEFAULT;
  if (size > 0) std::memcpy(value, data, static_cast<size_t>(size));
  return 0;
}

}  // namespace wsp
