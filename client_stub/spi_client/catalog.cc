#include "client_stub/spi_client/catalog.h"

#include <algorithm>
#include <cstdlib>

namespace wspd::spi_client {
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

constexpr DWORD kTcpFlags = XP1_GUARANTEED_DELIVERY | XP1_GUARANTEED_ORDER |
                            XP1_GRACEFUL_CLOSE | XP1_EXPEDITED_DATA;
constexpr DWORD kUdpFlags = XP1_CONNECTIONLESS | XP1_MESSAGE_ORIENTED |
                            XP1_SUPPORT_BROADCAST | XP1_SUPPORT_MULTIPOINT;
constexpr int kIpv4AddressSize = 16;
constexpr int kIpv6AddressSize = 28;

struct Row {
  DWORD id;
  int family;
  bool tcp;
  DWORD message_size;  // 0 for a stream
  const char* name;
};

constexpr Row kRows[] = {
    {1001, AF_INET, true, 0, "wspd TCP/IP"},
    {1002, AF_INET, false, 65507, "wspd UDP/IP"},
    {1003, AF_INET6, true, 0, "wspd TCP/IPv6"},
    {1004, AF_INET6, false, 65527, "wspd UDP/IPv6"},
};

// As the provider has them if it is asked for that by $WSPD_PLANE.
bool HasKernelHandles() {
  const char* const plane = std::getenv("WSPD_PLANE");
  if (plane == nullptr) return false;
  return std::string(plane) == "lent" || std::string(plane) == "auto";
}

WSAPROTOCOL_INFOW MakeEntry(const Row& row) {
  const bool ipv6 = row.family == AF_INET6;
  WSAPROTOCOL_INFOW info = {};
  info.dwServiceFlags1 = row.tcp ? kTcpFlags : kUdpFlags;
  if (HasKernelHandles()) info.dwServiceFlags1 |= XP1_IFS_HANDLES;
  info.dwProviderFlags = PFL_MATCHES_PROTOCOL_ZERO;
  info.ProviderId = ipv6 ? kIpv6Provider : kIpv4Provider;
  info.dwCatalogEntryId = row.id;
  info.ProtocolChain.ChainLen = BASE_PROTOCOL;
  info.iVersion = 2;
  info.iAddressFamily = row.family;
  info.iMaxSockAddr = ipv6 ? kIpv6AddressSize : kIpv4AddressSize;
  info.iMinSockAddr = info.iMaxSockAddr;
  info.iSocketType = row.tcp ? SOCK_STREAM : SOCK_DGRAM;
  info.iProtocol = row.tcp ? IPPROTO_TCP : IPPROTO_UDP;
  info.iNetworkByteOrder = BIGENDIAN;
  info.iSecurityScheme = SECURITY_PROTOCOL_NONE;
  info.dwMessageSize = row.message_size;
  CopyToWide(row.name, info.szProtocol, WSAPROTOCOL_LEN + 1);
  return info;
}

}  // namespace

const std::array<WSAPROTOCOL_INFOW, 4>& CatalogEntries() {
  static const std::array<WSAPROTOCOL_INFOW, 4> entries = {
      MakeEntry(kRows[0]), MakeEntry(kRows[1]), MakeEntry(kRows[2]),
      MakeEntry(kRows[3])};
  return entries;
}

const WSAPROTOCOL_INFOW* FindCatalogEntry(int address_family, int socket_type) {
  for (const WSAPROTOCOL_INFOW& entry : CatalogEntries()) {
    if (entry.iAddressFamily == address_family &&
        entry.iSocketType == socket_type) {
      return &entry;
    }
  }
  return nullptr;
}

void CopyToWide(const std::string& text, WCHAR* wide, size_t capacity) {
  const size_t length = std::min(text.size(), capacity - 1);
  for (size_t i = 0; i < length; ++i) {
    wide[i] = static_cast<unsigned char>(text[i]);
  }
  wide[length] = 0;
}

}  // namespace wspd::spi_client
