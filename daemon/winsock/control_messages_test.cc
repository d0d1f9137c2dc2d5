#include "daemon/winsock/control_messages.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "daemon/winsock/message_flags.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr int kLevelIp = 0;
constexpr int kLevelIpv6 = 41;
constexpr WantedControl kAll{true, true, true};

std::string Bytes(const void* data, size_t size) {
  return std::string(static_cast<const char*>(data), size);
}

wsp::v1::ControlMessage* Add(ControlMessages* messages, int level, int type,
                             const std::string& data) {
  wsp::v1::ControlMessage* message = messages->Add();
  message->set_level(level);
  message->set_type(type);
  message->set_data(data);
  return message;
}

// One item as recvmsg() gives it.
std::string Item(int level, int type, const void* data, size_t size) {
  std::string control(CMSG_SPACE(size), '\0');
  auto* item = reinterpret_cast<cmsghdr*>(&control[0]);
  item->cmsg_level = level;
  item->cmsg_type = type;
  item->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(item), data, size);
  return control;
}

std::string PacketInfo(uint32_t address, uint32_t own) {
  in_pktinfo info{};
  info.ipi_ifindex = 3;
  info.ipi_addr.s_addr = htonl(address);
  info.ipi_spec_dst.s_addr = htonl(own);
  return Item(IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
}

TEST(ControlMessagesTest, PacketInfoHasWinsocksLayout) {
  ControlMessages messages;
  DecodeControl(PacketInfo(0x7f000001, 0x7f000001), kAll, &messages);
  ASSERT_EQ(messages.size(), 1);
  EXPECT_EQ(messages[0].level(), kLevelIp);
  EXPECT_EQ(messages[0].type(), 19);
  const uint32_t expected[] = {htonl(0x7f000001), 3};
  EXPECT_EQ(messages[0].data(), Bytes(expected, sizeof(expected)));
}

TEST(ControlMessagesTest, OnlyWhatIsWantedComes) {
  const int ttl = 64;
  const uint8_t tos = 8;
  const std::string control = PacketInfo(0x7f000001, 0x7f000001) +
                              Item(IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)) +
                              Item(IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
  ControlMessages messages;
  WantedControl wanted;
  DecodeControl(control, wanted, &messages);
  EXPECT_TRUE(messages.empty());
  wanted.type_of_service = true;
  DecodeControl(control, wanted, &messages);
  ASSERT_EQ(messages.size(), 1);
  EXPECT_EQ(messages[0].type(), 3);
  // A number on Winsock's side, a byte on the kernel's.
  const int number = 8;
  EXPECT_EQ(messages[0].data(), Bytes(&number, sizeof(number)));
  messages.Clear();
  DecodeControl(control, kAll, &messages);
  EXPECT_EQ(messages.size(), 3);
}

// Winsock's numbers and layouts of what is made of `control`.
std::string OnlyMessage(const std::string& control, bool WantedControl::*wanted,
                        int level, int type) {
  WantedControl one;
  one.*wanted = true;
  ControlMessages messages;
  DecodeControl(control, one, &messages);
  if (messages.size() != 1) return "not one message";
  EXPECT_EQ(messages[0].level(), level);
  EXPECT_EQ(messages[0].type(), type);
  return messages[0].data();
}

TEST(ControlMessagesTest, PartsOfThePacketInfoComeByThemselves) {
  const std::string control = PacketInfo(0x7f000001, 0x7f000001);
  const uint32_t index = 3, address = htonl(0x7f000001);
  const std::string interface = Bytes(&index, sizeof(index));
  EXPECT_EQ(OnlyMessage(control, &WantedControl::interface, kLevelIp, 24),
            interface);
  EXPECT_EQ(
      OnlyMessage(control, &WantedControl::original_interface, kLevelIp, 47),
      interface);
  EXPECT_EQ(OnlyMessage(control, &WantedControl::destination, kLevelIp, 25),
            Bytes(&address, sizeof(address)));
  const uint32_t with_zone[] = {address, index, 0};
  EXPECT_EQ(OnlyMessage(control, &WantedControl::packet_info_ex, kLevelIp, 51),
            Bytes(with_zone, sizeof(with_zone)));
  in6_pktinfo info{};
  info.ipi6_addr = in6addr_loopback;
  info.ipi6_ifindex = 3;
  const std::string control6 =
      Item(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
  EXPECT_EQ(OnlyMessage(control6, &WantedControl::interface, kLevelIpv6, 24),
            interface);
  EXPECT_EQ(OnlyMessage(control6, &WantedControl::destination, kLevelIpv6, 25),
            Bytes(&in6addr_loopback, sizeof(in6addr_loopback)));
  EXPECT_EQ(
      OnlyMessage(control6, &WantedControl::packet_info_ex, kLevelIpv6, 51),
      Bytes(&in6addr_loopback, sizeof(in6addr_loopback)) + interface +
          std::string(4, '\0'));
}

TEST(ControlMessagesTest, CongestionIsPartOfTheTypeOfService) {
  const uint8_t tos = 0x13;
  const int traffic_class = 0x12;
  const int three = 3, two = 2;
  EXPECT_EQ(OnlyMessage(Item(IPPROTO_IP, IP_TOS, &tos, sizeof(tos)),
                        &WantedControl::ecn, kLevelIp, 50),
            Bytes(&three, sizeof(three)));
  EXPECT_EQ(OnlyMessage(Item(IPPROTO_IPV6, IPV6_TCLASS, &traffic_class,
                             sizeof(traffic_class)),
                        &WantedControl::ecn, kLevelIpv6, 50),
            Bytes(&two, sizeof(two)));
  ControlMessages sent;
  Add(&sent, kLevelIp, 50, Bytes(&two, sizeof(two)));
  std::string control;
  ASSERT_TRUE(EncodeControl(sent, &control).ok());
  EXPECT_EQ(control, Item(IPPROTO_IP, IP_TOS, &two, sizeof(two)));
  sent[0].set_data(Bytes(&traffic_class, sizeof(traffic_class)));
  EXPECT_EQ(EncodeControl(sent, &control).wsa, kWsaInval);
}

TEST(ControlMessagesTest, CoalescedDatagramsComeWithTheirSize) {
  const int size = 1400;
  ControlMessages messages;
  DecodeControl(Item(IPPROTO_UDP, UDP_GRO, &size, sizeof(size)), {}, &messages);
  ASSERT_EQ(messages.size(), 1);
  EXPECT_EQ(messages[0].level(), 17);
  EXPECT_EQ(messages[0].type(), 3);
  EXPECT_EQ(messages[0].data(), Bytes(&size, sizeof(size)));
}

TEST(ControlMessagesTest, WhatIsSentComesBackFromTheKernelsLayout) {
  const int hops = 9;
  ControlMessages sent;
  Add(&sent, kLevelIpv6, 21, Bytes(&hops, sizeof(hops)));
  char info[20] = {};
  info[15] = 1;  // ::1
  info[16] = 5;  // the interface
  Add(&sent, kLevelIpv6, 19, Bytes(info, sizeof(info)));
  std::string control;
  ASSERT_TRUE(EncodeControl(sent, &control).ok());
  ControlMessages received;
  DecodeControl(control, kAll, &received);
  ASSERT_EQ(received.size(), 2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(received[i].type(), sent[i].type());
    EXPECT_EQ(received[i].data(), sent[i].data());
  }
}

TEST(ControlMessagesTest, UnknownItemsAndWrongSizesAreInvalid) {
  std::string control;
  ControlMessages messages;
  Add(&messages, kLevelIp, 99, "abcd");
  EXPECT_EQ(EncodeControl(messages, &control).wsa, kWsaInval);
  messages.Clear();
  Add(&messages, kLevelIp, 4, "abc");
  EXPECT_EQ(EncodeControl(messages, &control).wsa, kWsaInval);
  messages.Clear();
  Add(&messages, kLevelIp, 19, "");
  EXPECT_EQ(EncodeControl(messages, &control).wsa, kWsaInval);
  messages.Clear();
  Add(&messages, 1, 1, std::string(4, '\0'));
  EXPECT_EQ(EncodeControl(messages, &control).wsa, kWsaInval);
}

TEST(ControlMessagesTest, TheAddressSaysWhomADatagramWasFor) {
  EXPECT_EQ(AddressingFlags(PacketInfo(0x7f000001, 0x7f000001)), 0);
  EXPECT_EQ(AddressingFlags(PacketInfo(0xef010203, 0x7f000001)), kMsgMcast);
  EXPECT_EQ(AddressingFlags(PacketInfo(0x7fffffff, 0x7f000001)), kMsgBcast);
  // Without an address to answer from, only the one that is everybody's on
  // every network is known to be.
  EXPECT_EQ(AddressingFlags(PacketInfo(0x7fffffff, 0)), 0);
  EXPECT_EQ(AddressingFlags(PacketInfo(0xffffffff, 0)), kMsgBcast);
  EXPECT_EQ(AddressingFlags(""), 0);
}

}  // namespace
}  // namespace wspd
