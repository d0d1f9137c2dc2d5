#ifndef WSPD_CLIENT_STUB_SPI_TRANSMIT_FILE_H_
#define WSPD_CLIENT_STUB_SPI_TRANSMIT_FILE_H_

#include <winsock2.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace wsp {

// A file that is read to be sent. It stays open here whatever the caller does
// with its handle. One thread at a time; reading may take its time.
class TransmitFile {
 public:
  TransmitFile() = default;
  ~TransmitFile() { Close(); }
  TransmitFile(TransmitFile&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)) {}
  TransmitFile& operator=(TransmitFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  // What is known of a file that can be sent.
  struct State {
    // In bytes, as are all sizes and offsets here.
    uint64_t size = 0;
    // Of the handle, which other handles may share with it.
    uint64_t position = 0;
  };
  // 0, or the error: WSA_INVALID_HANDLE if it is no file, WSAEINVAL if it isn't
  // a regular one, or has no position and `wants_position`, WSAEACCES if it
  // can't be read.
  static uint32_t Examine(HANDLE file, bool wants_position, State* state);

  // Of a file that was examined. False if no descriptor is left.
  bool Open(HANDLE file);
  bool is_open() const { return fd_ >= 0; }

  // Reads `size` bytes from `offset` on, less only where the file ends. The
  // position stays where it is. False if it could not be read.
  bool ReadAt(uint64_t offset, uint8_t* to, size_t size, size_t* got);
  // The same from the position on, which it moves.
  bool ReadOn(uint8_t* to, size_t size, size_t* got);

 private:
  void Close();

  // The system's number for it.
  int fd_ = -1;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_TRANSMIT_FILE_H_
