#ifndef WSPD_DAEMON_SESSION_FRAME_STREAM_H_
#define WSPD_DAEMON_SESSION_FRAME_STREAM_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "daemon/socket/bytes.h"
#include "daemon/wire/wire_reader.h"

namespace wspd {

// A message that came in: the pieces that it lies in, and what owns them.
struct IncomingFrame {
  Pieces pieces;
  std::shared_ptr<const void> owner;
  size_t bytes = 0;
};

// A message to be written: encoded bytes, each with the payload behind it.
struct OutgoingFrame {
  struct Part {
    std::string head;
    std::shared_ptr<Bytes> payload;
  };
  std::vector<Part> parts;
};

// The stream of an attachment, as the session layer sees the transport.
// Thread-safe.
class FrameStream {
 public:
  virtual ~FrameStream() = default;

  // Writes one frame. The next one may be written when the attachment's
  // OnWritten() is called; on a stream that has ended nothing happens.
  virtual void Write(OutgoingFrame frame) = 0;

  // Ends the stream with a status for the client. Later calls do nothing.
  virtual void End(const absl::Status& status) = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_FRAME_STREAM_H_
