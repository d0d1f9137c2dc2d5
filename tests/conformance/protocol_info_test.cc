// SO_PROTOCOL_INFOA/W: the catalog entry of a socket, as a provider without
// kernel handles has to describe itself (1.2, 4.10).
#include <cstring>
#include <string>

#include "client_stub/spi_client/catalog.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/conformance/fixture.h"

namespace wspd::conformance {
namespace {

class ProtocolInfoTest : public VariantTest {
 protected:
  bool tcp() const { return protocol() == Protocol::kTcp; }

  WSAPROTOCOL_INFOW InfoOf(SOCKET s) {
    WSAPROTOCOL_INFOW info = {};
    int length = sizeof(info);
    EXPECT_EQ(GetOption(s, SOL_SOCKET, SO_PROTOCOL_INFOW, &info, &length), kOk);
    EXPECT_EQ(length, static_cast<int>(sizeof(info)));
    return info;
  }
};
WSPD_FOR_ALL_VARIANTS(ProtocolInfoTest);

// 4.10: returns the catalog entry.
TEST_P(ProtocolInfoTest, NamesFamilyTypeAndProtocol) {
  const WSAPROTOCOL_INFOW info = InfoOf(New());
  EXPECT_EQ(info.iAddressFamily, AddressFamily(family()));
  EXPECT_EQ(info.iSocketType, tcp() ? SOCK_STREAM : SOCK_DGRAM);
  EXPECT_EQ(info.iProtocol, tcp() ? IPPROTO_TCP : IPPROTO_UDP);
  EXPECT_EQ(info.iProtocolMaxOffset, 0);
}

// 1.2: iMin = iMax = 16 (in) / 28 (in6).
TEST_P(ProtocolInfoTest, NamesTheLengthOfAddresses) {
  const WSAPROTOCOL_INFOW info = InfoOf(New());
  EXPECT_EQ(info.iMinSockAddr, AddressLength(family()));
  EXPECT_EQ(info.iMaxSockAddr, AddressLength(family()));
}

// 1.2: version 2, network byte order, base entry.
TEST_P(ProtocolInfoTest, IsABaseEntryOfVersion2) {
  const WSAPROTOCOL_INFOW info = InfoOf(New());
  EXPECT_EQ(info.iVersion, 2);
  EXPECT_EQ(info.ProtocolChain.ChainLen, BASE_PROTOCOL);
  EXPECT_EQ(info.iNetworkByteOrder, BIGENDIAN);
  EXPECT_EQ(info.iSecurityScheme, SECURITY_PROTOCOL_NONE);
}

// 1.2: both carry PFL_MATCHES_PROTOCOL_ZERO.
TEST_P(ProtocolInfoTest, MatchesProtocolZero) {
  EXPECT_NE(InfoOf(New()).dwProviderFlags & PFL_MATCHES_PROTOCOL_ZERO, 0u);
}

// 1.2: dwServiceFlags1 of Windows' entries (without IFS).
TEST_P(ProtocolInfoTest, ServiceFlagsAreThoseOfTheProtocol) {
  const DWORD flags = InfoOf(New()).dwServiceFlags1;
  EXPECT_EQ(flags & ~DWORD{XP1_IFS_HANDLES}, tcp() ? 0x66u : 0x609u);
}

// 1.2: a provider that can't hand out kernel handles must clear
// XP1_IFS_HANDLES: the handle is then one of the SPI client's.
TEST_P(ProtocolInfoTest, HandlesAreWhatTheFlagSays) {
  const SOCKET s = New();
  int error = 0;
  DWORD_PTR context = 0;
  const bool of_the_client =
      spi_client::Upcalls().lpWPUQuerySocketHandleContext(s, &context,
                                                          &error) == 0;
  const bool ifs = (InfoOf(s).dwServiceFlags1 & XP1_IFS_HANDLES) != 0;
  EXPECT_NE(ifs, of_the_client);
}

// 1.2 dwMessageSize: 0 stream; else the largest message, or 1: see
// SO_MAX_MSG_SIZE.
TEST_P(ProtocolInfoTest, MessageSizeIsThatOfTheProtocol) {
  const DWORD size = InfoOf(New()).dwMessageSize;
  if (tcp()) {
    EXPECT_EQ(size, 0u);
  } else {
    EXPECT_THAT(size, ::testing::AnyOf(
                          1u, 0xffffffffu,
                          family() == Family::kIpv4 ? 65507u : 65527u, 65467u));
  }
}

// The entry that the SPI client made the socket for, by its id.
TEST_P(ProtocolInfoTest, IsTheEntryOfTheCatalog) {
  WSAPROTOCOL_INFOW entry = *spi_client::FindCatalogEntry(
      AddressFamily(family()), tcp() ? SOCK_STREAM : SOCK_DGRAM);
  SOCKET s = INVALID_SOCKET;
  ASSERT_EQ(Socket(&s, entry.iAddressFamily, entry.iSocketType, entry.iProtocol,
                   WSA_FLAG_OVERLAPPED, &entry),
            kOk);
  const WSAPROTOCOL_INFOW info = InfoOf(s);
  EXPECT_EQ(info.dwCatalogEntryId, entry.dwCatalogEntryId);
  EXPECT_EQ(std::memcmp(&info.ProviderId, &entry.ProviderId, sizeof(GUID)), 0);
}

// A socket can be made of what it says.
TEST_P(ProtocolInfoTest, MakesAnotherSocket) {
  WSAPROTOCOL_INFOW info = InfoOf(New());
  SOCKET s = INVALID_SOCKET;
  EXPECT_EQ(Socket(&s, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                   FROM_PROTOCOL_INFO, WSA_FLAG_OVERLAPPED, &info),
            kOk);
  EXPECT_EQ(InfoOf(s).iSocketType, info.iSocketType);
}

// SO_PROTOCOL_INFOA: the same in narrow characters.
TEST_P(ProtocolInfoTest, NarrowOneSaysTheSame) {
  const SOCKET s = New();
  const WSAPROTOCOL_INFOW wide = InfoOf(s);
  WSAPROTOCOL_INFOA narrow = {};
  int length = sizeof(narrow);
  EXPECT_EQ(GetOption(s, SOL_SOCKET, SO_PROTOCOL_INFOA, &narrow, &length), kOk);
  EXPECT_EQ(length, static_cast<int>(sizeof(narrow)));
  EXPECT_EQ(narrow.dwServiceFlags1, wide.dwServiceFlags1);
  EXPECT_EQ(narrow.dwCatalogEntryId, wide.dwCatalogEntryId);
  EXPECT_EQ(narrow.iSocketType, wide.iSocketType);
  const std::u16string name = wide.szProtocol;
  EXPECT_EQ(std::string(narrow.szProtocol),
            std::string(name.begin(), name.end()));
}

// 4.10: small buffer → WSAEFAULT and size filled in.
TEST_P(ProtocolInfoTest, SmallBufferIsToldTheSize) {
  const SOCKET s = New();
  WSAPROTOCOL_INFOW info;
  for (int option : {SO_PROTOCOL_INFOW, SO_PROTOCOL_INFOA}) {
    const int size = option == SO_PROTOCOL_INFOW
                         ? static_cast<int>(sizeof(WSAPROTOCOL_INFOW))
                         : static_cast<int>(sizeof(WSAPROTOCOL_INFOA));
    int length = size - 1;
    EXPECT_EQ(GetOption(s, SOL_SOCKET, option, &info, &length),
              WsaCode{WSAEFAULT});
    EXPECT_EQ(length, size);
  }
}

TEST_P(ProtocolInfoTest, CannotBeSet) {
  const SOCKET s = New();
  const WSAPROTOCOL_INFOW info = InfoOf(s);
  EXPECT_EQ(SetOption(s, SOL_SOCKET, SO_PROTOCOL_INFOW, &info, sizeof(info)),
            WsaCode{WSAENOPROTOOPT});
}

}  // namespace
}  // namespace wspd::conformance
