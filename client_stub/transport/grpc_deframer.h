#ifndef WSPD_CLIENT_STUB_TRANSPORT_GRPC_DEFRAMER_H_
#define WSPD_CLIENT_STUB_TRANSPORT_GRPC_DEFRAMER_H_

#include <cstddef>
#include <cstdint>

#include "client_stub/transport/wire_writer.h"

namespace wsp {

// Cuts a byte stream into gRPC's length-prefixed messages. A message that lies
// in one piece of the stream is handed on in place, without a copy.
class GrpcDeframer {
 public:
  class Sink {
   public:
    // False if the message is unacceptable. `message` is valid for this call.
    virtual bool OnMessage(ByteView message) = 0;

   protected:
    ~Sink() = default;
  };

  // Messages above `max_message_bytes` are unacceptable.
  explicit GrpcDeframer(size_t max_message_bytes)
      : max_message_bytes_(max_message_bytes) {}

  // False if the stream is malformed, compressed, or the sink refused; then the
  // deframer can't be used any more.
  bool Feed(ByteView bytes, Sink* sink);

 private:
  static constexpr size_t kPrefixBytes = 5;

  bool ParsePrefix(const uint8_t* prefix);
  size_t TakeIntoBuffer(ByteView bytes, size_t wanted);

  const size_t max_message_bytes_;
  // Prefix and message of the one that is incomplete.
  ByteBuffer buffer_;
  bool have_prefix_ = false;
  size_t message_bytes_ = 0;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_GRPC_DEFRAMER_H_
