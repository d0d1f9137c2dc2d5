#include "client_stub/transport/grpc_deframer.h"

#include <algorithm>

namespace wsp {

bool GrpcDeframer::ParsePrefix(const uint8_t* prefix) {
  if (prefix[0] != 0) return false;  // compressed, and nobody offered that
  message_bytes_ = static_cast<size_t>(prefix[1]) << 24 |
                   static_cast<size_t>(prefix[2]) << 16 |
                   static_cast<size_t>(prefix[3]) << 8 | prefix[4];
  return message_bytes_ <= max_message_bytes_;
}

size_t GrpcDeframer::TakeIntoBuffer(ByteView bytes, size_t wanted) {
  const size_t taken = std::min(wanted - buffer_.size(), bytes.size);
  buffer_.insert(buffer_.end(), bytes.data, bytes.data + taken);
  return taken;
}

bool GrpcDeframer::Feed(ByteView bytes, Sink* sink) {
  while (bytes.size > 0) {
    if (buffer_.empty() && bytes.size >= kPrefixBytes) {
      if (!ParsePrefix(bytes.data)) return false;
      const size_t whole = kPrefixBytes + message_bytes_;
      if (bytes.size >= whole) {
        if (!sink->OnMessage({bytes.data + kPrefixBytes, message_bytes_})) {
          return false;
        }
        bytes = {bytes.data + whole, bytes.size - whole};
        continue;
      }
      buffer_.reserve(whole);
      have_prefix_ = true;
    }
    const size_t wanted =
        have_prefix_ ? kPrefixBytes + message_bytes_ : kPrefixBytes;
    const size_t taken = TakeIntoBuffer(bytes, wanted);
    bytes = {bytes.data + taken, bytes.size - taken};
    if (buffer_.size() < wanted) return true;
    if (!have_prefix_) {
      if (!ParsePrefix(buffer_.data())) return false;
      have_prefix_ = true;
      if (message_bytes_ > 0) continue;
    }
    if (!sink->OnMessage({buffer_.data() + kPrefixBytes, message_bytes_})) {
      return false;
    }
    buffer_.clear();
    have_prefix_ = false;
  }
  return true;
}

}  // namespace wsp
