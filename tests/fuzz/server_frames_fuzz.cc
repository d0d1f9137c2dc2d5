// Feeds the stub's decoder of server frames with whatever a daemon, or who
// stands in for it, might send. Every byte that the decoder hands on is read,
// so that AddressSanitizer sees a view that leaves the frame.

#include <stddef.h>
#include <stdint.h>

#include <memory>

#include "client_stub/transport/server_frame.h"

namespace {

class ReadingVisitor final : public wsp::ServerFrameVisitor {
 public:
  bool OnWelcome(const wsp::Welcome& welcome) override {
    Read(welcome.attachment_token);
    return true;
  }
  bool OnCompletion(const wsp::Completion& completion) override {
    Read(completion.data);
    return completion.sequence % 7 != 6;
  }
  bool OnRegistrationEnded(uint32_t reason) override { return reason != 5; }

 private:
  void Read(wsp::ByteView bytes) {
    for (size_t i = 0; i < bytes.size; ++i) sum_ = sum_ + bytes.data[i];
  }

  volatile uint8_t sum_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // In a block of its exact size: one byte too far is seen.
  const std::unique_ptr<uint8_t[]> frame(new uint8_t[size]);
  for (size_t i = 0; i < size; ++i) frame[i] = data[i];
  ReadingVisitor visitor;
  (void)wsp::DecodeServerFrame({frame.get(), size}, &visitor);
  return 0;
}
