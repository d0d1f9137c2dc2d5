#include "client_stub/spi/accept_ex_buffer.h"

#include <mswsock.h>
#include <ws2tcpip.h>

#include <cstring>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"

namespace wsp {
namespace {

static_assert(std::is_same_v<decltype(&SpiGetAcceptExSockaddrs),
                             LPFN_GETACCEPTEXSOCKADDRS>,
              "it is what callers cast it to");

constexpr DWORD kIpv4Record = sizeof(sockaddr_in) + kAcceptExRecordOverhead;
constexpr DWORD kIpv6Record = sizeof(sockaddr_in6) + kAcceptExRecordOverhead;
constexpr uint8_t kUntouched = 0xab;

Address MakeAddress(Address::Family family, uint16_t port) {
  Address address;
  address.family = family;
  address.port = port;
  address.bytes[0] = 0xfe;
  address.bytes[3] = 4;
  if (family == Address::kIpv6) address.bytes[15] = 9;
  return address;
}

// A buffer of its own, with GetAcceptExSockaddrs's answer about it.
struct Buffer {
  Buffer(DWORD data, DWORD local_record, DWORD remote_record)
      : bytes(data + local_record + remote_record, kUntouched),
        parts{bytes.data(), data, local_record, remote_record} {}

  void Find() {
    SpiGetAcceptExSockaddrs(parts.memory, parts.data_bytes, parts.local_bytes,
                            parts.remote_bytes, &local, &local_length, &remote,
                            &remote_length);
  }

  std::vector<uint8_t> bytes;
  AcceptExBuffer parts;
  LPSOCKADDR local = nullptr;
  LPSOCKADDR remote = nullptr;
  INT local_length = -1;
  INT remote_length = -1;
};

TEST(AcceptExBufferTest, AddressesAreFoundAsTheyWereWritten) {
  Buffer buffer(3, kIpv4Record, kIpv4Record + 5);
  ASSERT_EQ(
      WriteAcceptExAddresses(buffer.parts, MakeAddress(Address::kIpv4, 80),
                             MakeAddress(Address::kIpv4, 5000)),
      0u);
  buffer.Find();
  ASSERT_EQ(buffer.local_length, static_cast<INT>(sizeof(sockaddr_in)));
  ASSERT_EQ(buffer.remote_length, static_cast<INT>(sizeof(sockaddr_in)));
  sockaddr_in in;
  std::memcpy(&in, buffer.local, sizeof in);
  EXPECT_EQ(in.sin_family, AF_INET);
  EXPECT_EQ(in.sin_port, htons(80));
  EXPECT_EQ(in.sin_addr.S_un.S_un_b.s_b1, 0xfe);
  std::memcpy(&in, buffer.remote, sizeof in);
  EXPECT_EQ(in.sin_port, htons(5000));
}

TEST(AcceptExBufferTest, Ipv6AddressesAreWhole) {
  Buffer buffer(0, kIpv6Record, kIpv6Record);
  ASSERT_EQ(
      WriteAcceptExAddresses(buffer.parts, MakeAddress(Address::kIpv6, 80),
                             MakeAddress(Address::kIpv6, 5000)),
      0u);
  buffer.Find();
  ASSERT_EQ(buffer.remote_length, static_cast<INT>(sizeof(sockaddr_in6)));
  sockaddr_in6 in6;
  std::memcpy(&in6, buffer.remote, sizeof in6);
  EXPECT_EQ(in6.sin6_family, AF_INET6);
  EXPECT_EQ(in6.sin6_port, htons(5000));
  EXPECT_EQ(in6.sin6_addr.s6_addr[15], 9);
}

TEST(AcceptExBufferTest, ReceivedDataStaysAsItIs) {
  Buffer buffer(7, kIpv4Record, kIpv4Record);
  ASSERT_EQ(WriteAcceptExAddresses(buffer.parts, MakeAddress(Address::kIpv4, 1),
                                   MakeAddress(Address::kIpv4, 2)),
            0u);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(buffer.bytes[i], kUntouched);
}

TEST(AcceptExBufferTest, LocalAddressMayBeLeftOut) {
  Buffer buffer(4, 0, kIpv4Record);
  EXPECT_TRUE(HasRoomForAddresses(buffer.parts, AF_INET));
  ASSERT_EQ(WriteAcceptExAddresses(buffer.parts, MakeAddress(Address::kIpv4, 1),
                                   MakeAddress(Address::kIpv4, 2)),
            0u);
  buffer.Find();
  EXPECT_EQ(buffer.local, nullptr);
  EXPECT_EQ(buffer.local_length, 0);
  ASSERT_EQ(buffer.remote_length, static_cast<INT>(sizeof(sockaddr_in)));
}

TEST(AcceptExBufferTest, RecordsAre16BytesLargerThanTheirAddresses) {
  const Address address = MakeAddress(Address::kIpv4, 1);
  Buffer enough(0, kIpv4Record, kIpv4Record);
  EXPECT_TRUE(HasRoomForAddresses(enough.parts, AF_INET));
  EXPECT_FALSE(HasRoomForAddresses(enough.parts, AF_INET6));
  for (Buffer small :
       {Buffer(0, kIpv4Record - 1, kIpv4Record),
        Buffer(0, kIpv4Record, kIpv4Record - 1), Buffer(0, kIpv4Record, 0)}) {
    small.parts.memory = small.bytes.data();
    EXPECT_FALSE(HasRoomForAddresses(small.parts, AF_INET));
    EXPECT_EQ(WriteAcceptExAddresses(small.parts, address, address),
              static_cast<uint32_t>(WSAEFAULT));
    for (uint8_t byte : small.bytes) EXPECT_EQ(byte, kUntouched);
  }
}

TEST(AcceptExBufferTest, RecordThatSaysMoreThanItHoldsHasNoAddress) {
  Buffer buffer(0, kIpv4Record, kIpv4Record);
  buffer.Find();  // 0xabababab bytes
  EXPECT_EQ(buffer.local, nullptr);
  EXPECT_EQ(buffer.local_length, 0);
  EXPECT_EQ(buffer.remote, nullptr);
  EXPECT_EQ(buffer.remote_length, 0);

  Buffer tiny(0, 3, 3);
  tiny.Find();
  EXPECT_EQ(tiny.local_length, 0);
  EXPECT_EQ(tiny.remote_length, 0);
}

TEST(AcceptExBufferTest, WhatIsNotAskedForMayBeNull) {
  Buffer buffer(0, kIpv4Record, kIpv4Record);
  ASSERT_EQ(WriteAcceptExAddresses(buffer.parts, MakeAddress(Address::kIpv4, 1),
                                   MakeAddress(Address::kIpv4, 2)),
            0u);
  SpiGetAcceptExSockaddrs(buffer.parts.memory, 0, kIpv4Record, kIpv4Record,
                          nullptr, nullptr, nullptr, &buffer.remote_length);
  EXPECT_EQ(buffer.remote_length, static_cast<INT>(sizeof(sockaddr_in)));
}

}  // namespace
}  // namespace wsp
