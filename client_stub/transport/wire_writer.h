#ifndef WSPD_CLIENT_STUB_TRANSPORT_WIRE_WRITER_H_
#define WSPD_CLIENT_STUB_TRANSPORT_WIRE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace wsp {

using ByteBuffer = std::vector<uint8_t>;

// A piece of somebody else's memory.
struct ByteView {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

// Appends protobuf fields to a buffer. As proto3 does, the plain methods leave
// out zeros and empty strings.
class WireWriter {
 public:
  explicit WireWriter(ByteBuffer* out) : out_(out) {}

  void Varint(uint32_t field, uint64_t value) {
    if (value != 0) VarintEvenZero(field, value);
  }
  // For members of a oneof, whose presence says which one is set.
  void VarintEvenZero(uint32_t field, uint64_t value) {
    Tag(field, 0);
    RawVarint(value);
  }
  // int32 and enums; negative numbers take ten bytes.
  void Int32(uint32_t field, int32_t value) {
    Varint(field, static_cast<uint64_t>(static_cast<int64_t>(value)));
  }
  void Bool(uint32_t field, bool value) { Varint(field, value ? 1 : 0); }
  void Fixed64(uint32_t field, uint64_t value) {
    if (value == 0) return;
    Tag(field, 1);
    RawFixed(&value, 8);
  }
  void Fixed32(uint32_t field, uint32_t value) {
    if (value == 0) return;
    Tag(field, 5);
    RawFixed(&value, 4);
  }
  void Bytes(uint32_t field, const void* data, size_t size) {
    if (size != 0) BytesEvenEmpty(field, data, size);
  }
  // For members of a oneof.
  void BytesEvenEmpty(uint32_t field, const void* data, size_t size) {
    LengthPrefix(field, size);
    RawFixed(data, size);
  }

  // Tag and length of a field whose `size` bytes the caller appends.
  void LengthPrefix(uint32_t field, size_t size) {
    Tag(field, 2);
    RawVarint(size);
  }

  // A sub-message that `fill(WireWriter&)` writes; kept when it is empty.
  template <typename Fill>
  void Message(uint32_t field, Fill fill) {
    Tag(field, 2);
    const size_t mark = out_->size();
    out_->push_back(0);
    fill(*this);
    const size_t size = out_->size() - mark - 1;
    uint8_t prefix[10];
    const size_t prefix_size = EncodeVarint(size, prefix);
    (*out_)[mark] = prefix[0];
    out_->insert(out_->begin() + static_cast<ptrdiff_t>(mark) + 1, prefix + 1,
                 prefix + prefix_size);
  }

  void RawVarint(uint64_t value) {
    uint8_t bytes[10];
    RawFixed(bytes, EncodeVarint(value, bytes));
  }

  static size_t VarintSize(uint64_t value) {
    size_t size = 1;
    for (; value >= 0x80; value >>= 7) ++size;
    return size;
  }

 private:
  void Tag(uint32_t field, uint32_t type) { RawVarint(field << 3 | type); }

  void RawFixed(const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    out_->insert(out_->end(), bytes, bytes + size);
  }

  static size_t EncodeVarint(uint64_t value, uint8_t* out) {
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) {
      out[size++] = static_cast<uint8_t>(value | 0x80);
    }
    out[size++] = static_cast<uint8_t>(value);
    return size;
  }

  ByteBuffer* const out_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_WIRE_WRITER_H_
