#include "client_stub/spi/transmit_source.h"

#include <algorithm>
#include <utility>

namespace wsp {

void TransmitSource::MakeMessages(uint64_t message_bytes) {
  messages_ = true;
  message_bytes_ = message_bytes;
}

uint32_t TransmitSource::AddMemory(const void* data, uint64_t bytes,
                                   bool ends_message) {
  if (data == nullptr && bytes > 0) return WSAEFAULT;
  Piece piece;
  piece.memory = static_cast<const uint8_t*>(data);
  piece.left = bytes;
  piece.ends_message = ends_message;
  pieces_.push_back(std::move(piece));
  total_ += bytes;
  return 0;
}

uint32_t TransmitSource::AddFile(HANDLE file, From from, uint64_t offset,
                                 uint64_t bytes, bool ends_message) {
  const bool at_position = from != From::kOffset;
  TransmitFile::State state;
  if (const uint32_t error = TransmitFile::Examine(file, at_position, &state)) {
    return error;
  }
  if (at_position) offset = state.position;
  // A position may be beyond the end: then nothing is left.
  if (offset > state.size && !at_position) return WSAEINVAL;
  const uint64_t there = state.size - std::min(offset, state.size);
  Piece piece;
  if (!piece.file.Open(file)) return WSAENOBUFS;
  piece.from = from;
  piece.offset = offset;
  piece.left = bytes == 0 ? there : bytes;
  piece.ends_message = ends_message;
  total_ += std::min(piece.left, there);
  pieces_.push_back(std::move(piece));
  return 0;
}

TransmitSource::Result TransmitSource::Next(size_t most, ByteBuffer* block) {
  block->clear();
  size_t room = most;
  if (messages_ && message_bytes_ != 0) {
    room = static_cast<size_t>(std::min<uint64_t>(room, message_bytes_));
  }
  bool message_ended = false;
  while (next_ < pieces_.size() && !message_ended && block->size() < room) {
    Piece* const piece = &pieces_[next_];
    if (!Take(piece, room - block->size(), block)) return Result::kFailed;
    if (piece->left > 0) continue;
    message_ended = messages_ && piece->ends_message;
    ++next_;
  }
  // Pieces without bytes end with the block that is full before them, so that
  // no empty one follows.
  while (!message_ended && next_ < pieces_.size() && pieces_[next_].left == 0) {
    message_ended = messages_ && pieces_[next_].ends_message;
    ++next_;
  }
  const bool more = next_ < pieces_.size() && !message_ended;
  if (messages_ && more && block->size() == most && message_bytes_ == 0) {
    error_ = WSAEMSGSIZE;
    return Result::kFailed;
  }
  // Nothing to send is sent, too: whether it can be is to be found out.
  if (block->empty() && !message_ended && any_block_) return Result::kEnd;
  any_block_ = true;
  return Result::kBlock;
}

bool TransmitSource::Take(Piece* piece, size_t most, ByteBuffer* block) {
  const auto size = static_cast<size_t>(std::min<uint64_t>(piece->left, most));
  if (!piece->file.is_open()) {
    block->insert(block->end(), piece->memory, piece->memory + size);
    piece->memory += size;
    piece->left -= size;
    return true;
  }
  const size_t start = block->size();
  block->resize(start + size);
  size_t got = 0;
  if (!Read(piece, size, block->data() + start, &got)) return false;
  block->resize(start + got);
  piece->offset += got;
  // A file that has become shorter ends where it ends.
  piece->left = got < size ? 0 : piece->left - got;
  return true;
}

bool TransmitSource::Read(Piece* piece, size_t size, uint8_t* to, size_t* got) {
  const bool read = piece->from == From::kMovingPosition
                        ? piece->file.ReadOn(to, size, got)
                        : piece->file.ReadAt(piece->offset, to, size, got);
  if (!read) error_ = WSAEFAULT;
  return read;
}

}  // namespace wsp
