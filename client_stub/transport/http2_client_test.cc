#include "client_stub/transport/http2_client.h"

#include <gtest/gtest.h>

#include <string>

#include "client_stub/transport/fake_daemon.h"

namespace wsp {
namespace {

// Always has another message, which is no protobuf: a field of some bytes.
class Source final : public Http2Client::Delegate {
 public:
  static constexpr size_t kBytes = 50000;

  bool HasMessage() override { return begun < wanted; }
  bool NextMessage(OutgoingMessage* message) override {
    if (!HasMessage()) return false;
    ++begun;
    // Field 15, which nobody knows.
    message->bytes()->insert(message->bytes()->end(), {0x7a, 0xd0, 0x86, 0x03});
    message->AddPayload(
        {reinterpret_cast<const uint8_t*>(payload.data()), payload.size()});
    return true;
  }
  void OnMessagesWritten(uint64_t number) override { written = number; }
  bool OnMessage(ByteView) override { return true; }

  const std::string payload = std::string(kBytes, 'p');
  uint64_t begun = 0;
  uint64_t wanted = 0;
  uint64_t written = 0;
};

TEST(Http2ClientTest, CopiesPayloadOnceAndKeepsItUntilItIsWritten) {
  FakePipe pipe;
  FakeDaemon daemon(&pipe);
  Source source;
  Http2Client client(&pipe, &source);
  ASSERT_EQ(client.Start(), IoStatus::kDone);
  ASSERT_EQ(client.Flush(), IoStatus::kDone);
  daemon.Read();
  ASSERT_NE(client.Read(), IoStatus::kBroken);
  source.wanted = 100;
  pipe.write_room = 1000;
  ASSERT_EQ(client.Flush(), IoStatus::kBlocked);
  client.CopyPayload();
  const size_t copied = client.copied_bytes();
  EXPECT_GT(copied, 0u);
  // As every signal during a send has it.
  for (int i = 0; i < 10; ++i) client.CopyPayload();
  EXPECT_EQ(client.copied_bytes(), copied);
  // The connection stays full, with one message behind the other.
  while (source.begun < source.wanted) {
    pipe.write_room = 7000;
    ASSERT_EQ(client.Flush(), IoStatus::kBlocked);
    client.CopyPayload();
    EXPECT_LE(client.copied_bytes(), 5 * Source::kBytes);
  }
  pipe.write_room = SIZE_MAX;
  ASSERT_EQ(client.Flush(), IoStatus::kDone);
  EXPECT_EQ(source.written, source.wanted);
  EXPECT_EQ(client.copied_bytes(), 0u);
  daemon.Read();
  EXPECT_EQ(daemon.frames.size(), source.wanted);
}

}  // namespace
}  // namespace wsp
