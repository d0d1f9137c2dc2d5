#include "daemon/wire/wire_reader.h"

#include <algorithm>
#include <cstring>

namespace wspd {

WireReader::WireReader(absl::Span<const iovec> pieces)
    : piece_(pieces.data()), end_(pieces.data() + pieces.size()) {
  for (const iovec& piece : pieces) left_ += piece.iov_len;
  SkipEmptyPieces();
}

void WireReader::Fail() {
  ok_ = false;
  left_ = 0;
}

void WireReader::SkipEmptyPieces() {
  while (piece_ != end_ && offset_ == piece_->iov_len) {
    ++piece_;
    offset_ = 0;
  }
}

bool WireReader::ReadByte(uint8_t* byte) {
  if (left_ == 0) {
    Fail();
    return false;
  }
  *byte = static_cast<const uint8_t*>(piece_->iov_base)[offset_++];
  --left_;
  SkipEmptyPieces();
  return true;
}

bool WireReader::ReadRaw(void* out, size_t size) {
  if (left_ < size) {
    Fail();
    return false;
  }
  char* to = static_cast<char*>(out);
  left_ -= size;
  while (size > 0) {
    const size_t part = std::min(size, piece_->iov_len - offset_);
    memcpy(to, static_cast<const char*>(piece_->iov_base) + offset_, part);
    to += part;
    size -= part;
    offset_ += part;
    SkipEmptyPieces();
  }
  return true;
}

bool WireReader::Advance(size_t size) {
  if (left_ < size) {
    Fail();
    return false;
  }
  left_ -= size;
  while (size > 0) {
    const size_t part = std::min(size, piece_->iov_len - offset_);
    size -= part;
    offset_ += part;
    SkipEmptyPieces();
  }
  return true;
}

bool WireReader::ReadVarintRaw(uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    uint8_t byte;
    if (!ReadByte(&byte)) return false;
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  Fail();
  return false;
}

bool WireReader::Next() {
  if (left_ == 0) return false;
  uint64_t tag;
  if (!ReadVarintRaw(&tag)) return false;
  field_ = static_cast<uint32_t>(tag >> 3);
  wire_type_ = static_cast<uint32_t>(tag & 7);
  if (field_ == 0 || tag >> 32 != 0) {
    Fail();
    return false;
  }
  return true;
}

uint64_t WireReader::ReadVarint() {
  uint64_t value = 0;
  if (wire_type_ != kVarint) {
    Fail();
    return 0;
  }
  return ReadVarintRaw(&value) ? value : 0;
}

uint64_t WireReader::ReadFixed64() {
  uint64_t value = 0;
  if (wire_type_ != kFixed64) {
    Fail();
    return 0;
  }
  return ReadRaw(&value, sizeof(value)) ? value : 0;
}

uint32_t WireReader::ReadFixed32() {
  uint32_t value = 0;
  if (wire_type_ != kFixed32) {
    Fail();
    return 0;
  }
  return ReadRaw(&value, sizeof(value)) ? value : 0;
}

WireReader WireReader::ReadBytes() {
  uint64_t size = 0;
  if (wire_type_ != kBytes) Fail();
  if (!ok_ || !ReadVarintRaw(&size)) return WireReader();
  WireReader part = *this;
  if (!Advance(size)) return WireReader();
  part.left_ = size;
  return part;
}

void WireReader::Skip() {
  switch (wire_type_) {
    case kVarint:
      ReadVarint();
      return;
    case kFixed64:
      Advance(8);
      return;
    case kBytes:
      ReadBytes();
      return;
    case kFixed32:
      Advance(4);
      return;
    default:
      // Groups, which proto3 doesn't have.
      Fail();
  }
}

Pieces WireReader::RemainingPieces() const {
  Pieces pieces;
  const iovec* piece = piece_;
  size_t offset = offset_;
  for (size_t left = left_; left > 0; ++piece, offset = 0) {
    const size_t part = std::min(left, piece->iov_len - offset);
    if (part == 0) continue;
    pieces.push_back({static_cast<char*>(piece->iov_base) + offset, part});
    left -= part;
  }
  return pieces;
}

std::string WireReader::RemainingString() const {
  std::string out;
  out.reserve(left_);
  for (const iovec& piece : RemainingPieces()) {
    out.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return out;
}

}  // namespace wspd
