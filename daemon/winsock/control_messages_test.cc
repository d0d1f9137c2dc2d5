#include "daemon/winsock/control_messages.h"

#include <netinet/in.h>
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
  // The kernel doesn't know of what came before it was asked.
  EXPECT_EQ(AddressingFlags(PacketInfo(0x7fffffff, 0)), 0);
  EXPECT_EQ(AddressingFlags(""), 0);
}

}  // namespace
}  // namespace wspd
