#include "daemon/wire/wire_reader.h"

#include <string>
#include <vector>

#include "daemon/wire/wire_writer.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

// `bytes` in pieces of at most `size` bytes, with empty ones between.
std::vector<iovec> Cut(const std::string& bytes, size_t size) {
  std::vector<iovec> pieces;
  for (size_t at = 0; at < bytes.size(); at += size) {
    pieces.push_back({const_cast<char*>(bytes.data()) + at,
                      std::min(size, bytes.size() - at)});
    pieces.push_back({const_cast<char*>(bytes.data()), 0});
  }
  return pieces;
}

std::string Sample() {
  std::string inner, out;
  WireWriter(&inner).Varint(1, 300);
  WireWriter(&inner).Bytes(15, "payload");
  WireWriter writer(&out);
  writer.Fixed64(1, 0x1122334455667788);
  writer.Bytes(2, inner);
  writer.Varint(3, ~uint64_t{0});
  return out;
}

TEST(WireReaderTest, ReadsFieldsHoweverTheBytesAreCut) {
  const std::string bytes = Sample();
  for (size_t size = 1; size <= bytes.size(); ++size) {
    const std::vector<iovec> pieces = Cut(bytes, size);
    WireReader reader(pieces);
    ASSERT_TRUE(reader.Next());
    EXPECT_EQ(reader.field(), 1);
    EXPECT_EQ(reader.ReadFixed64(), 0x1122334455667788);
    ASSERT_TRUE(reader.Next());
    WireReader inner = reader.ReadBytes();
    ASSERT_TRUE(inner.Next());
    EXPECT_EQ(inner.ReadVarint(), 300);
    ASSERT_TRUE(inner.Next());
    EXPECT_EQ(inner.ReadBytes().RemainingString(), "payload");
    EXPECT_FALSE(inner.Next());
    ASSERT_TRUE(reader.Next());
    EXPECT_EQ(reader.ReadVarint(), ~uint64_t{0});
    EXPECT_FALSE(reader.Next());
    EXPECT_TRUE(reader.ok());
  }
}

TEST(WireReaderTest, EveryTruncationIsNoticedOrEndsAtAField) {
  const std::string bytes = Sample();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string part = bytes.substr(0, size);
    const std::vector<iovec> pieces = Cut(part, 3);
    WireReader reader(pieces);
    while (reader.Next()) reader.Skip();
    const bool at_field = size == 0 || size == 9 || size == bytes.size() - 11;
    EXPECT_EQ(reader.ok(), at_field) << size;
  }
}

TEST(WireReaderTest, WrongTypesAndLengthsFailForGood) {
  std::string bytes;
  WireWriter(&bytes).Varint(1, 1);
  std::vector<iovec> pieces = Cut(bytes, 100);
  WireReader reader(pieces);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.ReadFixed64(), 0);
  EXPECT_FALSE(reader.ok());
  EXPECT_FALSE(reader.Next());

  std::string too_long;
  WireWriter(&too_long).BytesHead(1, uint64_t{1} << 63);
  pieces = Cut(too_long, 100);
  WireReader long_reader(pieces);
  ASSERT_TRUE(long_reader.Next());
  EXPECT_EQ(long_reader.ReadBytes().remaining(), 0);
  EXPECT_FALSE(long_reader.ok());
}

TEST(WireReaderTest, GroupsAndFieldZeroAreMalformed) {
  for (const std::string& bytes :
       {std::string("\x0b"), std::string("\x00", 1), std::string(11, '\xff')}) {
    std::vector<iovec> pieces = Cut(bytes, 2);
    WireReader reader(pieces);
    while (reader.Next()) reader.Skip();
    EXPECT_FALSE(reader.ok());
  }
}

}  // namespace
}  // namespace wspd
