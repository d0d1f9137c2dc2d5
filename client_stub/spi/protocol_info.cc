#include "client_stub/spi/protocol_info.h"

#include <ws2tcpip.h>

#include <cstddef>
#include <cstring>

namespace wsp {
namespace {

constexpr GUID kIpv4Provider = {
    0xe70f1aa0,
    0xab8b,
    0x11cf,
    {0x8c, 0xa3, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}};
constexpr GUID kIpv6Provider = {
    0xf9eab0c0,
    0x26d4,
    0x11d0,
    {0xbb, 0xbf, 0x00, 0xaa, 0x00, 0x6c, 0x34, 0xe4}};

constexpr DWORD kTcpServices = XP1_GUARANTEED_DELIVERY | XP1_GUARANTEED_ORDER |
                               XP1_GRACEFUL_CLOSE | XP1_EXPEDITED_DATA;
constexpr DWORD kUdpServices = XP1_CONNECTIONLESS | XP1_MESSAGE_ORIENTED |
                               XP1_SUPPORT_BROADCAST | XP1_SUPPORT_MULTIPOINT;
constexpr DWORD kMostIpv4Datagram = 65507;
constexpr DWORD kMostIpv6Datagram = 65527;

}  // namespace

WSAPROTOCOL_INFOW MakeProtocolInfo(int family, bool datagrams,
                                   DWORD catalog_entry_id,
                                   bool kernel_handles) {
  const bool ipv6 = family == AF_INET6;
  WSAPROTOCOL_INFOW info;
  std::memset(&info, 0, sizeof info);
  info.dwServiceFlags1 = datagrams ? kUdpServices : kTcpServices;
  if (kernel_handles) info.dwServiceFlags1 |= XP1_IFS_HANDLES;
  info.dwProviderFlags = PFL_MATCHES_PROTOCOL_ZERO;
  info.ProviderId = ipv6 ? kIpv6Provider : kIpv4Provider;
  info.dwCatalogEntryId = catalog_entry_id;
  info.ProtocolChain.ChainLen = BASE_PROTOCOL;
  info.iVersion = 2;
  info.iAddressFamily = family;
  info.iMaxSockAddr = ipv6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  info.iMinSockAddr = info.iMaxSockAddr;
  info.iSocketType = datagrams ? SOCK_DGRAM : SOCK_STREAM;
  info.iProtocol = datagrams ? IPPROTO_UDP : IPPROTO_TCP;
  info.iNetworkByteOrder = BIGENDIAN;
  info.iSecurityScheme = SECURITY_PROTOCOL_NONE;
  if (datagrams) {
    info.dwMessageSize = ipv6 ? kMostIpv6Datagram : kMostIpv4Datagram;
  }
  const char* const name = datagrams ? (ipv6 ? "wspd UDP/IPv6" : "wspd UDP/IP")
                                     : (ipv6 ? "wspd TCP/IPv6" : "wspd TCP/IP");
  for (size_t i = 0; name[i] != 0; ++i) {
    info.szProtocol[i] = static_cast<WCHAR>(name[i]);
  }
  return info;
}

WSAPROTOCOL_INFOA NarrowProtocolInfo(const WSAPROTOCOL_INFOW& wide) {
  static_assert(offsetof(WSAPROTOCOL_INFOA, szProtocol) ==
                    offsetof(WSAPROTOCOL_INFOW, szProtocol),
                "alike up to the name");
  WSAPROTOCOL_INFOA narrow;
  std::memset(&narrow, 0, sizeof narrow);
  std::memcpy(&narrow, &wide, offsetof(WSAPROTOCOL_INFOW, szProtocol));
  for (size_t i = 0; i < WSAPROTOCOL_LEN && wide.szProtocol[i] != 0; ++i) {
    narrow.szProtocol[i] = static_cast<char>(wide.szProtocol[i]);
  }
  return narrow;
}

}  // namespace wsp
