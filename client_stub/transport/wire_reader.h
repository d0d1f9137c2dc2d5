#ifndef WSPD_CLIENT_STUB_TRANSPORT_WIRE_READER_H_
#define WSPD_CLIENT_STUB_TRANSPORT_WIRE_READER_H_

#include <cstdint>
#include <cstring>

#include "client_stub/transport/wire_writer.h"

namespace wsp {

// Reads the number at `*at` and goes behind it. False if it is malformed.
inline bool ReadVarintAt(const uint8_t** at, const uint8_t* end,
                         uint64_t* value) {
  uint64_t result = 0;
  for (int shift = 0; shift < 64 && *at != end; shift += 7) {
    const uint8_t byte = *(*at)++;
    result |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      *value = result;
      return true;
    }
  }
  return false;
}

// Walks over the fields of a protobuf message, trusting nothing. protozero
// can't be used here: it throws on bad input, and the stub has no exceptions.
//
//   WireReader reader(bytes);
//   while (reader.Next()) {
//     if (reader.field() == kSize) size = reader.AsUint32();
//   }
//   return reader.ok();
//
// A value of another wire type than the accessor's is left at its default and
// is an error, except that fields that nobody asks for are skipped.
class WireReader {
 public:
  explicit WireReader(ByteView bytes)
      : at_(bytes.data), end_(bytes.data + bytes.size) {}

  // Goes to the next field. False at the end, and at the first malformed one.
  bool Next() {
    if (!ok_ || at_ == end_) return false;
    uint64_t tag;
    if (!ReadVarint(&tag) || tag > UINT32_MAX || tag >> 3 == 0) return Fail();
    field_ = static_cast<uint32_t>(tag >> 3);
    type_ = static_cast<uint32_t>(tag & 7);
    switch (type_) {
      case kVarint:
        return ReadVarint(&number_) || Fail();
      case kFixed64:
        return ReadFixed(8) || Fail();
      case kFixed32:
        return ReadFixed(4) || Fail();
      case kLength:
        return ReadLength() || Fail();
      default:
        return Fail();
    }
  }

  bool ok() const { return ok_; }
  uint32_t field() const { return field_; }

  uint64_t AsUint64() { return Expect(kVarint) ? number_ : 0; }
  uint32_t AsUint32() { return static_cast<uint32_t>(AsUint64()); }
  bool AsBool() { return AsUint64() != 0; }
  uint64_t AsFixed64() { return Expect(kFixed64) ? number_ : 0; }
  uint32_t AsFixed32() {
    return Expect(kFixed32) ? static_cast<uint32_t>(number_) : 0;
  }
  ByteView AsBytes() { return Expect(kLength) ? bytes_ : ByteView(); }

 private:
  enum Type : uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

  bool Fail() { return ok_ = false; }

  bool Expect(Type type) {
    if (type_ != type) ok_ = false;
    return type_ == type;
  }

  bool ReadVarint(uint64_t* value) { return ReadVarintAt(&at_, end_, value); }

  bool ReadFixed(size_t size) {
    if (static_cast<size_t>(end_ - at_) < size) return false;
    number_ = 0;
    std::memcpy(&number_, at_, size);
    at_ += size;
    return true;
  }

  bool ReadLength() {
    uint64_t size;
    if (!ReadVarint(&size) || size > static_cast<size_t>(end_ - at_)) {
      return false;
    }
    bytes_ = {at_, static_cast<size_t>(size)};
    at_ += size;
    return true;
  }

  const uint8_t* at_;
  const uint8_t* end_;
  bool ok_ = true;
  uint32_t field_ = 0;
  uint32_t type_ = 0;
  uint64_t number_ = 0;
  ByteView bytes_;
};

// Walks over the numbers of a packed repeated field, trusting nothing.
class PackedVarints {
 public:
  explicit PackedVarints(ByteView bytes)
      : at_(bytes.data), end_(bytes.data + bytes.size) {}

  // False at the end, and at the first malformed one.
  bool Next(uint64_t* value) {
    if (!ok_ || at_ == end_) return false;
    ok_ = ReadVarintAt(&at_, end_, value);
    return ok_;
  }

  bool ok() const { return ok_; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
  bool ok_ = true;
};

// The numbers of a packed repeated field; those beyond `room` are dropped.
// False if it is malformed.
inline bool ReadPacked(ByteView bytes, uint32_t* numbers, size_t room) {
  PackedVarints packed(bytes);
  uint64_t number;
  for (size_t i = 0; packed.Next(&number); ++i) {
    if (i < room) numbers[i] = static_cast<uint32_t>(number);
  }
  return packed.ok();
}

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_WIRE_READER_H_
