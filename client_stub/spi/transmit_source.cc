#include "client_stub/spi/transmit_source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "client_stub/transport/posix/descriptors.h"

namespace wsp {
namespace {

// The descriptor that a file's handle is (<mswsock.h>), -1 if it can't be one.
int DescriptorOf(HANDLE file) {
  const auto number = reinterpret_cast<intptr_t>(file);
  return number > 0 && number <= INT32_MAX ? static_cast<int>(number) : -1;
}

}  // namespace

TransmitSource::~TransmitSource() {
  for (const Piece& piece : pieces_) CloseDescriptor(piece.fd);
}

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
  pieces_.push_back(piece);
  total_ += bytes;
  return 0;
}

uint32_t TransmitSource::AddFile(HANDLE file, From from, uint64_t offset,
                                 uint64_t bytes, bool ends_message) {
  const int fd = DescriptorOf(file);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) return WSA_INVALID_HANDLE;
  if (!S_ISREG(status.st_mode)) return WSAEINVAL;
  if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) return WSAEACCES;
  if (from != From::kOffset) {
    const off_t position = lseek(fd, 0, SEEK_CUR);
    if (position < 0) return WSAEINVAL;
    offset = static_cast<uint64_t>(position);
  }
  const auto size = static_cast<uint64_t>(status.st_size);
  // A position may be beyond the end: then nothing is left.
  if (offset > size && from == From::kOffset) return WSAEINVAL;
  const uint64_t there = size - std::min(offset, size);
  Piece piece;
  piece.fd = AdoptDescriptor(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (piece.fd < 0) return WSAENOBUFS;
  piece.from = from;
  piece.offset = offset;
  piece.left = bytes == 0 ? there : bytes;
  piece.ends_message = ends_message;
  pieces_.push_back(piece);
  total_ += std::min(piece.left, there);
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
  if (piece->fd < 0) {
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
  while (*got < size) {
    const ssize_t count = piece->from == From::kMovingPosition
                              ? read(piece->fd, to + *got, size - *got)
                              : pread(piece->fd, to + *got, size - *got,
                                      static_cast<off_t>(piece->offset + *got));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      error_ = WSAEFAULT;
      return false;
    }
    if (count == 0) return true;
    *got += static_cast<size_t>(count);
  }
  return true;
}

}  // namespace wsp
