#ifndef WSPD_CLIENT_STUB_SPI_TRANSMIT_SOURCE_H_
#define WSPD_CLIENT_STUB_SPI_TRANSMIT_SOURCE_H_

#include <winsock2.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "client_stub/spi/transmit_file.h"
#include "client_stub/transport/wire_writer.h"

namespace wsp {

// What TransmitFile and TransmitPackets send: pieces of memory and of files one
// after the other, handed out in blocks. Never more of a file than a block is
// in memory here. One thread at a time; reading a file may take its time.
class TransmitSource {
 public:
  // Where a file is read from.
  enum class From : uint8_t {
    kOffset,
    // Where its own position is, which is left there.
    kPosition,
    // The same, and moves it, as read() does.
    kMovingPosition,
  };
  // What a call may send, as documented.
  static constexpr uint64_t kMostBytes = 2147483646;

  TransmitSource() = default;
  TransmitSource(const TransmitSource&) = delete;
  TransmitSource& operator=(const TransmitSource&) = delete;

  // Blocks of a stream are as large as they may be, over the pieces' borders.
  // Else each is a message: it ends with a piece that ends one, and with
  // `message_bytes` if that is not 0.
  void MakeMessages(uint64_t message_bytes);

  // ---- pieces; 0 or the error

  // The memory stays the caller's. WSAEFAULT if there is none.
  uint32_t AddMemory(const void* data, uint64_t bytes, bool ends_message);
  // The file stays open here whatever the caller does with its handle. 0 bytes:
  // all that there is behind `offset`. If it has less, that is what is sent.
  // WSA_INVALID_HANDLE if it is no file, WSAEACCES if it can't be read,
  // WSAEINVAL if it isn't a regular one or the offset isn't within it.
  uint32_t AddFile(HANDLE file, From from, uint64_t offset, uint64_t bytes,
                   bool ends_message);
  // Of all pieces, as far as the files' sizes are right.
  uint64_t total() const { return total_; }

  // ---- blocks

  enum class Result : uint8_t { kBlock, kEnd, kFailed };
  // The next block, of at most `most` bytes, which messages may not be longer
  // than. kFailed: a file could not be read, or a message is too long; error()
  // says which.
  Result Next(size_t most, ByteBuffer* block);
  uint32_t error() const { return error_; }

 private:
  struct Piece {
    const uint8_t* memory = nullptr;
    // Open if it is one.
    TransmitFile file;
    From from = From::kOffset;
    uint64_t offset = 0;
    uint64_t left = 0;
    bool ends_message = false;
  };

  // Appends what the piece has, at most `most` bytes. False: it failed.
  bool Take(Piece* piece, size_t most, ByteBuffer* block);
  bool Read(Piece* piece, size_t size, uint8_t* to, size_t* got);

  std::vector<Piece> pieces_;
  size_t next_ = 0;
  uint64_t total_ = 0;
  bool messages_ = false;
  uint64_t message_bytes_ = 0;
  bool any_block_ = false;
  uint32_t error_ = 0;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_TRANSMIT_SOURCE_H_
