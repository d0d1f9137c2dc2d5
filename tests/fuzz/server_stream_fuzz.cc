// Feeds the stub with a stream of gRPC messages, as they come out of HTTP/2's
// DATA frames: cut anywhere. However it is cut, the same messages come out. The
// input's first byte says how, the others are the stream.

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "client_stub/transport/grpc_deframer.h"
#include "client_stub/transport/server_frame.h"
#include "tests/fuzz/reading_visitor.h"

namespace {

// Small, so that inputs get above it.
constexpr size_t kMaxMessageBytes = 2048;

class Decoder final : public wsp::GrpcDeframer::Sink {
 public:
  bool OnMessage(wsp::ByteView message) override {
    messages.emplace_back(message.data, message.data + message.size);
    return wsp::DecodeServerFrame(message, &visitor_);
  }

  std::vector<std::vector<uint8_t>> messages;

 private:
  wsp::ReadingVisitor visitor_;
};

// Piece by piece, each in a block of its exact size: one byte too far is seen.
bool FeedInPieces(wsp::ByteView stream, uint8_t cut, Decoder* decoder) {
  wsp::GrpcDeframer deframer(kMaxMessageBytes);
  uint32_t state = cut;
  while (stream.size > 0) {
    state = state * 1664525 + 1013904223;
    // Up to 8 bytes, or up to 256.
    const size_t most = cut % 2 == 0 ? 8 : 256;
    const size_t size = std::min(1 + (state >> 16) % most, stream.size);
    const std::unique_ptr<uint8_t[]> piece(new uint8_t[size]);
    std::copy_n(stream.data, size, piece.get());
    if (!deframer.Feed({piece.get(), size}, decoder)) return false;
    stream = {stream.data + size, stream.size - size};
  }
  return true;
}

bool FeedWhole(wsp::ByteView stream, Decoder* decoder) {
  const std::unique_ptr<uint8_t[]> block(new uint8_t[stream.size]);
  std::copy_n(stream.data, stream.size, block.get());
  wsp::GrpcDeframer deframer(kMaxMessageBytes);
  return deframer.Feed({block.get(), stream.size}, decoder);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const wsp::ByteView stream = {data + 1, size - 1};
  Decoder in_pieces, whole;
  const bool pieces_ok = FeedInPieces(stream, data[0], &in_pieces);
  const bool whole_ok = FeedWhole(stream, &whole);
  if (pieces_ok != whole_ok || in_pieces.messages != whole.messages) abort();
  return 0;
}
