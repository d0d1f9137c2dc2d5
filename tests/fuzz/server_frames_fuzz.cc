// Feeds the stub's decoder of server frames with whatever a daemon, or who
// stands in for it, might send.

#include <stddef.h>
#include <stdint.h>

#include <memory>

#include "client_stub/transport/server_frame.h"
#include "tests/fuzz/reading_visitor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // In a block of its exact size: one byte too far is seen.
  const std::unique_ptr<uint8_t[]> frame(new uint8_t[size]);
  for (size_t i = 0; i < size; ++i) frame[i] = data[i];
  wsp::ReadingVisitor visitor;
  (void)wsp::DecodeServerFrame({frame.get(), size}, &visitor);
  return 0;
}
