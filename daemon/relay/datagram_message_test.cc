#include "daemon/relay/datagram_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "daemon/relay/relay_address.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using wsp::relay::DatagramHeader;

NetAddress Ipv4(const char* address, uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET, address, &result.sin_addr), 1);
  return NetAddress(result);
}

NetAddress Ipv6(const char* address, uint16_t port, uint32_t scope) {
  sockaddr_in6 result{};
  result.sin6_family = AF_INET6;
  result.sin6_port = htons(port);
  result.sin6_flowinfo = htonl(0x12345);
  result.sin6_scope_id = scope;
  EXPECT_EQ(inet_pton(AF_INET6, address, &result.sin6_addr), 1);
  return NetAddress(result);
}

template <typename Value>
std::string Item(int level, int type, const Value& value) {
  std::string item(CMSG_SPACE(sizeof(value)), '\0');
  cmsghdr header{};
  header.cmsg_level = level;
  header.cmsg_type = type;
  header.cmsg_len = CMSG_LEN(sizeof(value));
  memcpy(&item[0], &header, sizeof(header));
  memcpy(&item[CMSG_LEN(0)], &value, sizeof(value));
  return item;
}

std::string ItemOfLength(size_t length, size_t bytes) {
  std::string item = Item(IPPROTO_IP, IP_TTL, int{1});
  memcpy(&item[0], &length, sizeof(length));
  item.resize(bytes);
  return item;
}

std::string Message(const DatagramHeader& header, const std::string& rest) {
  std::string message(reinterpret_cast<const char*>(&header), sizeof(header));
  return message + rest;
}

int Read(std::string message, DatagramMessage* datagram) {
  return ReadDatagram(&message[0], message.size(), datagram);
}

int Read(const std::string& message) {
  DatagramMessage datagram;
  return Read(message, &datagram);
}

int Check(const std::string& control) {
  return CheckControl(control.data(), control.size());
}

TEST(RelayAddressTest, ComesBackAsItWas) {
  for (const NetAddress& address :
       {Ipv4("192.0.2.1", 53), Ipv6("fe80::1", 65535, 7)}) {
    const wsp::relay::Address wire = ToRelayAddress(address);
    NetAddress back;
    ASSERT_TRUE(FromRelayAddress(wire, &back));
    ASSERT_EQ(back.size(), address.size());
    EXPECT_EQ(memcmp(back.get(), address.get(), back.size()), 0);
  }
  NetAddress back = Ipv4("192.0.2.1", 53);
  EXPECT_TRUE(FromRelayAddress(ToRelayAddress(NetAddress()), &back));
  EXPECT_TRUE(back.empty());
}

TEST(RelayAddressTest, OtherFamiliesAreNone) {
  wsp::relay::Address wire{};
  NetAddress back;
  for (const int family : {1, 2, 3, 5, 7, 10, 255}) {
    wire.family = static_cast<uint8_t>(family);
    EXPECT_FALSE(FromRelayAddress(wire, &back)) << family;
  }
}

TEST(DatagramMessageTest, SaysWhatItSays) {
  DatagramHeader header{};
  header.address = ToRelayAddress(Ipv4("192.0.2.1", 53));
  header.flags = MSG_DONTROUTE | MSG_MORE;
  const std::string control = Item(IPPROTO_IP, IP_TTL, int{3});
  header.control_bytes = static_cast<uint16_t>(control.size());
  std::string message = Message(header, control + "payload");
  DatagramMessage datagram;
  ASSERT_EQ(ReadDatagram(&message[0], message.size(), &datagram), 0);
  EXPECT_TRUE(datagram.to.SameEndpoint(Ipv4("192.0.2.1", 53)));
  EXPECT_EQ(datagram.flags, MSG_DONTROUTE | MSG_MORE);
  EXPECT_EQ(std::string(datagram.control, datagram.control_bytes), control);
  EXPECT_EQ(std::string(datagram.payload, datagram.payload_bytes), "payload");
}

TEST(DatagramMessageTest, ABareHeaderIsADatagramWithoutBytes) {
  DatagramMessage datagram;
  ASSERT_EQ(Read(Message(DatagramHeader(), ""), &datagram), 0);
  EXPECT_TRUE(datagram.to.empty());
  EXPECT_EQ(datagram.payload_bytes, 0u);
  EXPECT_EQ(datagram.control_bytes, 0u);
}

TEST(DatagramMessageTest, HeadersThatLieAreRefused) {
  const std::string whole = Message(DatagramHeader(), "");
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    EXPECT_EQ(Read(whole.substr(0, bytes)), EINVAL) << bytes;
  }
  DatagramHeader header{};
  header.kind = wsp::relay::kError;
  EXPECT_EQ(Read(Message(header, "")), EINVAL);
  header = DatagramHeader();
  header.address.family = AF_INET;
  EXPECT_EQ(Read(Message(header, "")), EINVAL);
  header = DatagramHeader();
  for (const int flag : {MSG_OOB, MSG_DONTWAIT, MSG_EOR, MSG_ZEROCOPY,
                         MSG_FASTOPEN, MSG_NOSIGNAL, MSG_CMSG_CLOEXEC}) {
    header.flags = flag;
    EXPECT_EQ(Read(Message(header, "")), EINVAL) << flag;
  }
  header = DatagramHeader();
  header.control_bytes = 5;
  EXPECT_EQ(Read(Message(header, "1234")), EINVAL);
  EXPECT_EQ(Read(Message(header, "12345")), 0) << "too short for a cmsghdr";
  header.control_bytes = wsp::relay::kMaxControlBytes + 1;
  EXPECT_EQ(Read(Message(header, std::string(2000, '\0'))), EINVAL);
}

TEST(DatagramMessageTest, TheLongestAndOneMore) {
  std::string control;
  while (control.size() < wsp::relay::kMaxControlBytes) {
    control += Item(IPPROTO_IP, IP_PKTINFO, in_pktinfo());
  }
  DatagramHeader header{};
  header.control_bytes = wsp::relay::kMaxControlBytes;
  std::string message = Message(
      header, control + std::string(wsp::relay::kMaxDatagramBytes, 'x'));
  ASSERT_EQ(message.size(), kMostMessageBytes);
  EXPECT_EQ(Read(message), 0);
  header.control_bytes = 0;
  message =
      Message(header, std::string(kMostMessageBytes - sizeof(header), 'x'));
  EXPECT_EQ(Read(message), 0) << "the kernel says that it is too long";
  EXPECT_EQ(Read(message + "x"), EINVAL);
}

TEST(ControlTest, WhatAnyProgramMaySayIsPassed) {
  EXPECT_EQ(Check(""), 0);
  EXPECT_EQ(Check(Item(IPPROTO_IP, IP_PKTINFO, in_pktinfo())), 0);
  EXPECT_EQ(Check(Item(IPPROTO_IPV6, IPV6_PKTINFO, in6_pktinfo()) +
                  Item(IPPROTO_IPV6, IPV6_TCLASS, int{8}) +
                  Item(IPPROTO_IPV6, IPV6_HOPLIMIT, int{9})),
            0);
  EXPECT_EQ(Check(Item(IPPROTO_IP, IP_TOS, char{8}) +
                  Item(IPPROTO_UDP, UDP_SEGMENT, uint16_t{1200})),
            0);
  EXPECT_EQ(Check(Item(SOL_SOCKET, SO_PRIORITY, int{6})), 0);
  // Whatever follows the last one.
  EXPECT_EQ(Check(Item(IPPROTO_IP, IP_TTL, int{8}) + std::string(15, '\xff')),
            0);
}

TEST(ControlTest, WhatNeedsAPrivilegeIsRefused) {
  EXPECT_EQ(Check(Item(SOL_SOCKET, SO_MARK, int{1})), EPERM);
  EXPECT_EQ(Check(Item(SOL_SOCKET, SO_PRIORITY, int{7})), EPERM);
  EXPECT_EQ(Check(Item(SOL_SOCKET, SO_PRIORITY, int{-1})), EPERM);
  EXPECT_EQ(Check(Item(IPPROTO_IP, IP_RETOPTS, int{1})), EPERM);
  EXPECT_EQ(Check(Item(IPPROTO_IPV6, IPV6_HOPOPTS, int{1})), EPERM);
  EXPECT_EQ(Check(Item(IPPROTO_IP, IP_TTL, int{1}) +
                  Item(SOL_SOCKET, SO_MARK, int{1})),
            EPERM)
      << "also behind others";
}

TEST(ControlTest, WhatIsNotKnownIsRefused) {
  EXPECT_EQ(Check(Item(SOL_SOCKET, SCM_RIGHTS, int{0})), EINVAL);
  EXPECT_EQ(Check(Item(SOL_SOCKET, SCM_CREDENTIALS, ucred())), EINVAL);
  EXPECT_EQ(Check(Item(IPPROTO_TCP, 1, int{0})), EINVAL);
  EXPECT_EQ(Check(Item(IPPROTO_IP, 99, int{0})), EINVAL);
  EXPECT_EQ(Check(Item(-1, -1, int{0})), EINVAL);
  EXPECT_EQ(Check(Item(SOL_SOCKET, SO_PRIORITY, char{6})), EINVAL);
}

TEST(ControlTest, LengthsThatLieAreRefused) {
  const size_t space = CMSG_SPACE(sizeof(int));
  EXPECT_EQ(Check(ItemOfLength(CMSG_LEN(4), space)), 0);
  EXPECT_EQ(Check(ItemOfLength(CMSG_LEN(4), CMSG_LEN(4))), 0);
  EXPECT_EQ(Check(ItemOfLength(CMSG_LEN(4), CMSG_LEN(4) - 1)), EINVAL);
  for (const size_t length :
       {size_t{0}, size_t{1}, sizeof(cmsghdr) - 1, space + 1, SIZE_MAX,
        SIZE_MAX - 6, size_t{1} << 63}) {
    EXPECT_EQ(Check(ItemOfLength(length, space)), EINVAL) << length;
  }
}

}  // namespace
}  // namespace wspd
