/* clang-format off */
#include "client_stub/spi/name_space_record.h"  // before all others
/* clang-format on */

#include <svcguid.h>
#include <ws2tcpip.h>

#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

ByteBuffer Bytes(const std::string& text) {
  return ByteBuffer(text.begin(), text.end());
}

LookupReply::Entry Ipv4(uint8_t last, uint16_t port = 0) {
  LookupReply::Entry entry;
  entry.address.family = Address::kIpv4;
  const uint8_t bytes[] = {192, 0, 2, last};
  std::memcpy(entry.address.bytes, bytes, sizeof bytes);
  entry.address.port = port;
  return entry;
}

class NameSpaceRecordTest : public ::testing::Test {
 protected:
  NameSpaceRecordTest() {
    query_.params.kind = wire::LookupRequest::KIND_HOST;
    query_.flags = LUP_RETURN_ALL;
    query_.socket_type = SOCK_STREAM;
    query_.protocol = IPPROTO_TCP;
    query_.port = 80;
    reply_.canonical_name = Bytes("h\xc3\xb6st");
    reply_.aliases = {Bytes("a"), Bytes("b")};
    reply_.addresses = {Ipv4(1), Ipv4(2, 81)};
  }

  std::vector<NameSpaceRecord> Records() { return RecordsOf(query_, reply_); }
  size_t Write(const NameSpaceRecord& record, DWORD flags,
               size_t capacity = sizeof buffer_) {
    return WriteRecord(query_, reply_, record, flags, capacity, set());
  }
  LPWSAQUERYSETW set() { return reinterpret_cast<LPWSAQUERYSETW>(buffer_); }

  NameSpaceQuery query_;
  LookupReply reply_;
  alignas(8) char buffer_[2048];
};

TEST_F(NameSpaceRecordTest, AHostIsFollowedByItsAliasesIfTheyAreWanted) {
  const auto records = Records();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_FALSE(records[0].is_alias);
  EXPECT_EQ(*records[2].name, Bytes("b"));
  EXPECT_TRUE(records[2].is_alias);
  query_.flags = LUP_RETURN_NAME;
  EXPECT_EQ(Records().size(), 1u);
}

TEST_F(NameSpaceRecordTest, OnlyWhatIsAskedForIsThere) {
  Write(Records()[0], 0);
  EXPECT_EQ(set()->dwSize, sizeof(WSAQUERYSETW));
  EXPECT_EQ(set()->dwNameSpace, static_cast<DWORD>(NS_DNS));
  EXPECT_NE(set()->lpNSProviderId, nullptr);
  EXPECT_EQ(set()->lpszServiceInstanceName, nullptr);
  EXPECT_EQ(set()->lpServiceClassId, nullptr);
  EXPECT_EQ(set()->dwNumberOfCsAddrs, 0u);
  EXPECT_EQ(set()->lpcsaBuffer, nullptr);
  EXPECT_EQ(set()->lpBlob, nullptr);
}

TEST_F(NameSpaceRecordTest, NamesAreUtf16) {
  Write(Records()[0], LUP_RETURN_NAME);
  EXPECT_EQ(set()->lpszServiceInstanceName, std::u16string(u"h\u00f6st"));
}

TEST_F(NameSpaceRecordTest, TheClassesPortStandsInForNone) {
  Write(Records()[0], LUP_RETURN_ADDR);
  ASSERT_EQ(set()->dwNumberOfCsAddrs, 2u);
  const auto port = [&](int i) {
    sockaddr_in address;
    const SOCKET_ADDRESS& remote = set()->lpcsaBuffer[i].RemoteAddr;
    std::memcpy(&address, remote.lpSockaddr, sizeof address);
    EXPECT_EQ(address.sin_family, AF_INET);
    return ntohs(address.sin_port);
  };
  EXPECT_EQ(port(0), 80);
  EXPECT_EQ(port(1), 81);
  EXPECT_EQ(set()->lpcsaBuffer[0].iSocketType, SOCK_STREAM);
  EXPECT_EQ(set()->lpcsaBuffer[0].LocalAddr.lpSockaddr->sa_family, AF_INET);
}

TEST_F(NameSpaceRecordTest, AServicesOwnAddressIsTheLocalOne) {
  query_.flags |= LUP_RES_SERVICE;
  Write(Records()[0], LUP_RETURN_ADDR);
  sockaddr_in local;
  sockaddr_in remote;
  const CSADDR_INFO& info = set()->lpcsaBuffer[1];
  std::memcpy(&local, info.LocalAddr.lpSockaddr, sizeof local);
  std::memcpy(&remote, info.RemoteAddr.lpSockaddr, sizeof remote);
  EXPECT_EQ(ntohs(local.sin_port), 81);
  EXPECT_EQ(remote.sin_port, 0);
}

TEST_F(NameSpaceRecordTest, EverySizeBelowTheNeededOneWritesNothing) {
  for (const NameSpaceRecord& record : Records()) {
    const size_t needed = Write(record, LUP_RETURN_ALL, 0);
    for (size_t capacity = 0; capacity < needed; ++capacity) {
      std::memset(buffer_, 0x55, sizeof buffer_);
      EXPECT_EQ(Write(record, LUP_RETURN_ALL, capacity), needed);
      EXPECT_EQ(buffer_[0], 0x55);
    }
    EXPECT_EQ(Write(record, LUP_RETURN_ALL, needed), needed);
    EXPECT_NE(buffer_[0], 0x55);
    EXPECT_EQ(buffer_[needed], 0x55) << "was written behind its end";
  }
}

TEST_F(NameSpaceRecordTest, AHostentHasEachAddressOfOneFamilyOnce) {
  reply_.addresses = {Ipv4(1, 53), Ipv4(1, 53)};
  LookupReply::Entry ipv6;
  ipv6.address.family = Address::kIpv6;
  reply_.addresses.push_back(ipv6);
  Write(Records()[0], LUP_RETURN_BLOB);
  const BLOB* blob = set()->lpBlob;
  HOSTENT host;
  std::memcpy(&host, blob->pBlobData, sizeof host);
  EXPECT_EQ(host.h_addrtype, AF_INET);
  EXPECT_EQ(host.h_length, 4);
  uint64_t list[2];
  std::memcpy(list,
              blob->pBlobData + reinterpret_cast<uintptr_t>(host.h_addr_list),
              sizeof list);
  EXPECT_EQ(blob->pBlobData[list[0]], 192);
  EXPECT_EQ(list[1], 0u);
}

TEST_F(NameSpaceRecordTest, EachTransportOfAServiceIsARecord) {
  query_.params.kind = wire::LookupRequest::KIND_SERVICE;
  query_.flags = LUP_RETURN_ALIASES;
  LookupReply::Service tcp;
  tcp.name = Bytes("domain");
  tcp.port = 53;
  tcp.type = wire::SocketRequest::TYPE_STREAM;
  LookupReply::Service udp = tcp;
  udp.type = wire::SocketRequest::TYPE_DATAGRAM;
  udp.aliases = {Bytes("dns")};
  reply_.services = {tcp, udp};
  const auto records = Records();
  ASSERT_EQ(records.size(), 3u);
  Write(records[1], LUP_RETURN_ADDR | LUP_RETURN_BLOB);
  EXPECT_EQ(set()->lpcsaBuffer[0].iProtocol, IPPROTO_UDP);
  SERVENT service;
  std::memcpy(&service, set()->lpBlob->pBlobData, sizeof service);
  EXPECT_EQ(ntohs(static_cast<u_short>(service.s_port)), 53);
  EXPECT_TRUE(records[2].is_alias);
}

}  // namespace
}  // namespace wsp
