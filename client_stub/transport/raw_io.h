#ifndef WSPD_CLIENT_STUB_TRANSPORT_RAW_IO_H_
#define WSPD_CLIENT_STUB_TRANSPORT_RAW_IO_H_

#include <cstddef>
#include <cstdint>

#include "client_stub/transport/wire_writer.h"

namespace wsp {

// How far a connection got.
enum class IoStatus {
  kDone,     // all that there was to do
  kBlocked,  // the peer or the kernel has to move first
  kBroken,   // the connection has ended or misbehaved; nothing more will come
};

// A connection's bytes. Never blocks.
class RawIo {
 public:
  struct Result {
    IoStatus status = IoStatus::kBroken;
    size_t bytes = 0;  // moved, if status is kDone; then at least 1
  };

  virtual ~RawIo() = default;

  // Writes some of the slices' bytes, in order.
  virtual Result Write(const ByteView* slices, size_t count) = 0;

  // Reads at most `size` bytes. The end of the connection is kBroken.
  virtual Result Read(uint8_t* buffer, size_t size) = 0;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_RAW_IO_H_
