#ifndef WSPD_DAEMON_WIRE_WIRE_WRITER_H_
#define WSPD_DAEMON_WIRE_WIRE_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace wspd {

// Appends protobuf's encoding to a string. Default values are the caller's to
// leave out.
class WireWriter {
 public:
  explicit WireWriter(std::string* out) : out_(out) {}

  void Varint(uint32_t field, uint64_t value) {
    Tag(field, 0);
    Raw(value);
  }
  // Without a field, for packed ones.
  void RawVarint(uint64_t value) { Raw(value); }
  void Fixed64(uint32_t field, uint64_t value) {
    Tag(field, 1);
    out_->append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void Bytes(uint32_t field, absl::string_view bytes) {
    BytesHead(field, bytes.size());
    out_->append(bytes.data(), bytes.size());
  }
  // Tag and length of bytes that the caller puts behind.
  void BytesHead(uint32_t field, uint64_t size) {
    Tag(field, 2);
    Raw(size);
  }

 private:
  void Tag(uint32_t field, uint32_t wire_type) { Raw(field << 3 | wire_type); }
  void Raw(uint64_t value) {
    while (value >= 0x80) {
      out_->push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    out_->push_back(static_cast<char>(value));
  }

  std::string* const out_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WIRE_WIRE_WRITER_H_
