// Feeds the daemon's session layer with whatever a client might send: frames,
// mutated, each on two attachments of different personalities. The input is a
// sequence of frames, each behind its length (16 bits, little endian).

#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <memory>
#include <string>

#include "daemon/session/descriptor_sink.h"
#include "daemon/session/testing/session_harness.h"
#include "proto/wsp/v1/provider.pb.h"
#include "tests/fuzz/isolation.h"

namespace {

// Every attachment starts up first, or most calls would end right there.
std::string StartupFrame() {
  wsp::v1::ClientFrame frame;
  auto* call = frame.add_calls();
  call->set_call_id(1);
  call->mutable_startup()->set_version_requested(0x0202);
  return frame.SerializeAsString();
}

// Drops what it gets.
class NoDescriptors : public wspd::DescriptorSink {
 public:
  int SendDescriptor(uint64_t, uint64_t, int) override { return 0; }
  void ReadOn() override {}
  void Close() override {}
};

// Takes what was written, so that the session goes on writing.
void DrainStream(const wspd::SessionHarness::Attached& attached) {
  while (attached.stream->HasFrame()) {
    attached.stream->NextFrame();
    attached.attachment->OnWritten(attached.stream.get());
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  wspd::EnterEmptyNetwork();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  wspd::SessionLimits limits;
  limits.sockets_per_client = 16;
  limits.calls_per_client = 64;
  limits.kept_bytes_per_client = 16 << 10;
  wspd::SessionHarness harness(limits);
  const wspd::SessionHarness::Attached attached = harness.Attach();
  (void)wspd::SessionHarness::SendBytes(attached, StartupFrame(), 64);
  DrainStream(attached);
  const wspd::SessionHarness::Attached as_linux =
      harness.Attach(wsp::v1::PERSONALITY_LINUX);
  (void)as_linux.attachment->BindDescriptors(std::make_shared<NoDescriptors>());
  while (size >= 2) {
    const size_t length = std::min<size_t>(data[0] | data[1] << 8, size - 2);
    const std::string frame(reinterpret_cast<const char*>(data + 2), length);
    data += 2 + length;
    size -= 2 + length;
    const size_t piece = 1 + length % 13;
    const bool good =
        wspd::SessionHarness::SendBytes(attached, frame, piece).ok();
    DrainStream(attached);
    // Whoever breaks the rules has broken them here, too, or not.
    (void)wspd::SessionHarness::SendBytes(as_linux, frame, piece).ok();
    DrainStream(as_linux);
    if (!good) break;
  }
  return 0;
}
