#include "client_stub/spi/control_data.h"

#include <mswsock.h>
#include <ws2tcpip.h>

#include <cstring>
#include <string>
#include <vector>

#include "client_stub/transport/wire_writer.h"
#include "gtest/gtest.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

ByteView View(const ByteBuffer& bytes) { return {bytes.data(), bytes.size()}; }

// A RecvFromResult with the items in it, and something else around them.
ByteBuffer Result(const std::vector<std::string>& items) {
  ByteBuffer bytes;
  WireWriter out(&bytes);
  out.Varint(wire::RecvFromResult::kFlags, MSG_MCAST);
  for (const std::string& data : items) {
    out.Message(wire::RecvFromResult::kControl, [&](WireWriter& item) {
      item.Int32(wire::ControlMessage::kLevel, IPPROTO_IPV6);
      item.Int32(wire::ControlMessage::kType, IPV6_PKTINFO);
      item.Bytes(wire::ControlMessage::kData, data.data(), data.size());
    });
  }
  out.Bytes(wire::RecvFromResult::kData, "datagram", 8);
  return bytes;
}

WSABUF Buffer(ByteBuffer* bytes) {
  return {static_cast<u_long>(bytes->size()),
          reinterpret_cast<char*>(bytes->data())};
}

TEST(ControlDataTest, ItemsAreWhereTheMacrosFindThem) {
  ByteBuffer items;
  ASSERT_TRUE(
      LayOutControl(View(Result({"abcd", std::string(20, 'x')})), &items));
  EXPECT_EQ(items.size(), WSA_CMSG_SPACE(4) + WSA_CMSG_SPACE(20));
  WSAMSG message = {};
  message.Control = Buffer(&items);
  const WSACMSGHDR* item = WSA_CMSG_FIRSTHDR(&message);
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(item->cmsg_len, WSA_CMSG_LEN(4));
  EXPECT_EQ(item->cmsg_level, IPPROTO_IPV6);
  EXPECT_EQ(item->cmsg_type, IPV6_PKTINFO);
  EXPECT_EQ(std::memcmp(WSA_CMSG_DATA(item), "abcd", 4), 0);
  item = WSA_CMSG_NXTHDR(&message, item);
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(item->cmsg_len, WSA_CMSG_LEN(20));
  EXPECT_EQ(*WSA_CMSG_DATA(item), 'x');
  EXPECT_EQ(WSA_CMSG_NXTHDR(&message, item), nullptr);
}

TEST(ControlDataTest, WhatIsLaidOutReadsBackAsItCame) {
  ByteBuffer items;
  const ByteBuffer result = Result({"abcde", ""});
  ASSERT_TRUE(LayOutControl(View(result), &items));
  ByteBuffer fields;
  ASSERT_EQ(ReadControl(Buffer(&items), &fields), 0u);
  // Both messages have the field under one number.
  static_assert(
      +wire::SendToRequest::kControl == +wire::RecvFromResult::kControl,
      "read alike");
  ByteBuffer again;
  ASSERT_TRUE(LayOutControl(View(fields), &again));
  EXPECT_EQ(again, items);
}

TEST(ControlDataTest, OnlyWholeItemsCount) {
  ByteBuffer items;
  ASSERT_TRUE(LayOutControl(View(Result({"abcd", "efghijklm"})), &items));
  const size_t first = WSA_CMSG_SPACE(4);
  EXPECT_EQ(WholeItems(View(items), 0), 0u);
  EXPECT_EQ(WholeItems(View(items), first - 1), 0u);
  EXPECT_EQ(WholeItems(View(items), first), first);
  EXPECT_EQ(WholeItems(View(items), items.size() - 1), first);
  EXPECT_EQ(WholeItems(View(items), items.size()), items.size());
  EXPECT_EQ(WholeItems(View(items), 1000), items.size());
  EXPECT_EQ(WholeItems(ByteView(), 1000), 0u);
}

TEST(ControlDataTest, ItemsThatReachBeyondTheBufferAreInvalid) {
  ByteBuffer items;
  ASSERT_TRUE(LayOutControl(View(Result({"abcd"})), &items));
  ByteBuffer fields;
  for (const SIZE_T length : {SIZE_T{0}, SIZE_T{15}, SIZE_T{25}, ~SIZE_T{0}}) {
    ByteBuffer bad = items;
    std::memcpy(bad.data(), &length, sizeof length);
    EXPECT_EQ(ReadControl(Buffer(&bad), &fields), uint32_t{WSAEINVAL})
        << length;
  }
  EXPECT_TRUE(fields.empty());
}

TEST(ControlDataTest, BuffersMayBeEmptyButNotMissing) {
  ByteBuffer fields;
  EXPECT_EQ(ReadControl({0, nullptr}, &fields), 0u);
  EXPECT_EQ(ReadControl({1, nullptr}, &fields), uint32_t{WSAEFAULT});
  // Too short for an item.
  ByteBuffer little(15, 0xff);
  EXPECT_EQ(ReadControl(Buffer(&little), &fields), 0u);
  EXPECT_TRUE(fields.empty());
}

TEST(ControlDataTest, MalformedItemsAreNoticed) {
  ByteBuffer bytes;
  WireWriter(&bytes).Bytes(wire::RecvFromResult::kControl, "\x1a\x7f", 2);
  ByteBuffer items;
  EXPECT_FALSE(LayOutControl(View(bytes), &items));
  EXPECT_TRUE(items.empty());
}

}  // namespace
}  // namespace wsp
