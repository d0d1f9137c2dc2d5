/* clang-format off */
#include "client_stub/spi/name_space_query.h"  // before all others
/* clang-format on */

#include <svcguid.h>

#include <string>

#include "gtest/gtest.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

using Request = wire::LookupRequest;
using Socket = wire::SocketRequest;

std::string Text(const ByteBuffer& bytes) {
  return std::string(bytes.begin(), bytes.end());
}

class NameSpaceQueryTest : public ::testing::Test {
 protected:
  NameSpaceQueryTest() {
    set_.dwSize = sizeof set_;
    set_.lpServiceClassId = &class_;
  }

  uint32_t Read(const GUID& service_class, const char16_t* name,
                DWORD flags = LUP_RETURN_ADDR) {
    class_ = service_class;
    set_.lpszServiceInstanceName = const_cast<LPWSTR>(name);
    query_ = NameSpaceQuery();
    return ReadNameSpaceQuery(&set_, flags, &query_);
  }
  uint32_t ReadWith(const AFPROTOCOLS& protocols) {
    protocols_ = protocols;
    set_.dwNumberOfProtocols = 1;
    set_.lpafpProtocols = &protocols_;
    return Read(SVCID_INET_HOSTADDRBYNAME, u"host");
  }

  GUID class_ = {};
  AFPROTOCOLS protocols_ = {};
  WSAQUERYSETW set_ = {};
  NameSpaceQuery query_;
};

TEST_F(NameSpaceQueryTest, ANameIsAHostsAndNoneIsTheOwnHosts) {
  EXPECT_EQ(Read(SVCID_INET_HOSTADDRBYNAME, u"host.example"), 0u);
  EXPECT_EQ(query_.params.kind, Request::KIND_HOST);
  EXPECT_EQ(Text(query_.params.name), "host.example");
  EXPECT_EQ(query_.socket_type, SOCK_STREAM);
  EXPECT_EQ(Read(SVCID_HOSTNAME, u""), 0u);
  EXPECT_EQ(query_.params.kind, Request::KIND_OWN_HOST);
  EXPECT_EQ(Read(SVCID_HOSTNAME, nullptr), 0u);
  EXPECT_EQ(query_.params.kind, Request::KIND_OWN_HOST);
}

TEST_F(NameSpaceQueryTest, ANumericAddressIsLookedUpInReverse) {
  EXPECT_EQ(Read(SVCID_INET_HOSTADDRBYINETSTRING, u"192.0.2.1"), 0u);
  EXPECT_EQ(query_.params.kind, Request::KIND_ADDRESS);
  EXPECT_EQ(query_.params.address.family, Address::kIpv4);
  EXPECT_EQ(Read(SVCID_TCP_RR(0, 12), u"2001:db8::1"), 0u);
  EXPECT_EQ(query_.params.kind, Request::KIND_ADDRESS);
  EXPECT_EQ(query_.params.address.family, Address::kIpv6);
  EXPECT_EQ(query_.params.address.bytes[15], 1);
  EXPECT_EQ(Read(SVCID_INET_HOSTADDRBYINETSTRING, u"host"), WSAEINVAL);
  EXPECT_EQ(Read(SVCID_INET_HOSTADDRBYINETSTRING, u"192.0.2.1:80"), WSAEINVAL);
  EXPECT_EQ(Read(SVCID_INET_HOSTADDRBYINETSTRING, nullptr), WSAEINVAL);
}

TEST_F(NameSpaceQueryTest, AServiceMayNameItsProtocol) {
  EXPECT_EQ(Read(SVCID_INET_SERVICEBYNAME, u"domain/udp"), 0u);
  EXPECT_EQ(query_.params.kind, Request::KIND_SERVICE);
  EXPECT_EQ(Text(query_.params.service), "domain");
  EXPECT_EQ(query_.params.type, Socket::TYPE_DATAGRAM);
  EXPECT_EQ(Read(SVCID_INET_SERVICEBYNAME, u"domain"), 0u);
  EXPECT_EQ(query_.params.type, Socket::TYPE_UNSPECIFIED);
  EXPECT_EQ(Read(SVCID_INET_SERVICEBYNAME, u"domain/"), WSASERVICE_NOT_FOUND);
  EXPECT_EQ(Read(SVCID_INET_SERVICEBYNAME, u"/tcp"), WSAEINVAL);
  EXPECT_EQ(Read(SVCID_INET_SERVICEBYNAME, nullptr), WSAEINVAL);
}

TEST_F(NameSpaceQueryTest, APortClassHasPortTransportAndFamily) {
  EXPECT_EQ(Read(SVCID_UDP_RR(53, 28), u"host"), 0u);
  EXPECT_EQ(query_.port, 53);
  EXPECT_EQ(query_.socket_type, SOCK_DGRAM);
  EXPECT_EQ(query_.params.family, Socket::FAMILY_IPV6);
  EXPECT_EQ(Read(SVCID_DNS(1), u"host"), 0u);
  EXPECT_EQ(query_.port, 53);
  EXPECT_EQ(query_.params.family, Socket::FAMILY_IPV4);
  EXPECT_EQ(Read(SVCID_TCP_RR(80, 15), u"host"), WSANO_DATA);
}

TEST_F(NameSpaceQueryTest, ProtocolsRestrictFamilyAndTransport) {
  EXPECT_EQ(ReadWith({AF_INET6, IPPROTO_UDP}), 0u);
  EXPECT_EQ(query_.params.family, Socket::FAMILY_IPV6);
  EXPECT_EQ(query_.protocol, IPPROTO_UDP);
  EXPECT_EQ(ReadWith({AF_UNSPEC, 0}), 0u);
  EXPECT_EQ(query_.params.family, Socket::FAMILY_UNSPECIFIED);
  EXPECT_EQ(ReadWith({AF_IPX, 0}), WSANO_DATA);
  EXPECT_EQ(ReadWith({AF_INET, 1}), WSANO_DATA);
  set_.lpafpProtocols = nullptr;
  EXPECT_EQ(Read(SVCID_HOSTNAME, u"host"), WSAEINVAL);
}

TEST_F(NameSpaceQueryTest, ContradictionsFindNothing) {
  EXPECT_EQ(ReadWith({AF_INET, IPPROTO_TCP}), 0u);
  EXPECT_EQ(Read(SVCID_UDP(53), u"host"), WSANO_DATA);
  EXPECT_EQ(Read(SVCID_TCP_RR(53, 28), u"host"), WSANO_DATA);
  EXPECT_EQ(Read(SVCID_INET_SERVICEBYNAME, u"domain/udp"),
            WSASERVICE_NOT_FOUND);
}

TEST_F(NameSpaceQueryTest, AliasesAreAskedForIfTheyAreWanted) {
  EXPECT_EQ(Read(SVCID_HOSTNAME, u"host", LUP_RETURN_ADDR), 0u);
  EXPECT_FALSE(query_.params.want_aliases);
  for (const DWORD flags : {LUP_RETURN_ALIASES, LUP_RETURN_BLOB}) {
    EXPECT_EQ(Read(SVCID_HOSTNAME, u"host", flags), 0u);
    EXPECT_TRUE(query_.params.want_aliases);
  }
}

TEST_F(NameSpaceQueryTest, WhatIsMissingOrOfAnotherNameSpaceIsRefused) {
  EXPECT_EQ(ReadNameSpaceQuery(nullptr, 0, &query_), WSAEINVAL);
  EXPECT_EQ(Read(GUID{1, 2, 3, {}}, u"host"), WSASERVICE_NOT_FOUND);
  EXPECT_EQ(Read(SVCID_HOSTNAME, u"host", LUP_CONTAINERS), WSANO_DATA);
  const std::u16string longest(254, u'a');
  EXPECT_EQ(Read(SVCID_HOSTNAME, longest.c_str()), 0u);
  EXPECT_EQ(Read(SVCID_HOSTNAME, (longest + u'a').c_str()), WSAEINVAL);
  set_.dwNameSpace = NS_DNS;
  EXPECT_EQ(Read(SVCID_HOSTNAME, u"host"), 0u);
  set_.dwNameSpace = NS_DNS + 1;
  EXPECT_EQ(Read(SVCID_HOSTNAME, u"host"), WSAEINVAL);
  set_.dwNameSpace = NS_ALL;
  set_.dwSize = sizeof set_ - 1;
  EXPECT_EQ(Read(SVCID_HOSTNAME, u"host"), WSAEINVAL);
  set_.dwSize = sizeof set_;
  set_.lpServiceClassId = nullptr;
  EXPECT_EQ(ReadNameSpaceQuery(&set_, 0, &query_), WSAEINVAL);
}

TEST(NameSpaceProviderIdTest, OnlyTheOneIdIsManaged) {
  GUID id = kNameSpaceProviderId;
  EXPECT_TRUE(IsNameSpaceProvider(&id));
  id.Data4[7] ^= 1;
  EXPECT_FALSE(IsNameSpaceProvider(&id));
  EXPECT_FALSE(IsNameSpaceProvider(nullptr));
}

}  // namespace
}  // namespace wsp
