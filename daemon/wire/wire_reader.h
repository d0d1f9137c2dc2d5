#ifndef WSPD_DAEMON_WIRE_WIRE_READER_H_
#define WSPD_DAEMON_WIRE_WIRE_READER_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"

namespace wspd {

// Pieces of memory that follow one another on the wire.
using Pieces = absl::InlinedVector<iovec, 8>;

// Reads protobuf's encoding out of scattered pieces, so that a frame need not
// be made contiguous and its payload need not be copied. Reads what generated
// code would accept; keeps no reference beyond the pieces, which have to stay.
//
// Any call may fail on malformed input; then ok() is false for good, Next()
// returns false, and what is read is 0 or empty.
class WireReader {
 public:
  enum WireType : uint32_t {
    kVarint = 0,
    kFixed64 = 1,
    kBytes = 2,
    kFixed32 = 5,
  };

  WireReader() = default;
  explicit WireReader(absl::Span<const iovec> pieces);

  // Moves to the next field. False at the end, and when !ok().
  bool Next();

  // Of the field that Next() moved to.
  uint32_t field() const { return field_; }
  uint32_t wire_type() const { return wire_type_; }

  // The value of the present field; exactly one of these is called after each
  // Next(). A wrong wire type is malformed input.
  uint64_t ReadVarint();
  uint64_t ReadFixed64();
  uint32_t ReadFixed32();
  // A sub-message, or bytes to be read later.
  WireReader ReadBytes();
  void Skip();

  // All that is left of this reader, where it lies.
  Pieces RemainingPieces() const;
  // All that is left of this reader, copied.
  std::string RemainingString() const;

  // Bytes left.
  size_t remaining() const { return left_; }
  bool ok() const { return ok_; }

 private:
  void Fail();
  void SkipEmptyPieces();
  bool ReadByte(uint8_t* byte);
  bool ReadRaw(void* out, size_t size);
  bool Advance(size_t size);
  bool ReadVarintRaw(uint64_t* value);

  const iovec* piece_ = nullptr;
  const iovec* end_ = nullptr;
  // Offset in *piece_.
  size_t offset_ = 0;
  size_t left_ = 0;
  uint32_t field_ = 0;
  uint32_t wire_type_ = 0;
  bool ok_ = true;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WIRE_WIRE_READER_H_
