#include "client_stub/transport/grpc_deframer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wsp {
namespace {

class Collector final : public GrpcDeframer::Sink {
 public:
  bool OnMessage(ByteView message) override {
    messages.emplace_back(reinterpret_cast<const char*>(message.data),
                          message.size);
    return accept;
  }

  bool accept = true;
  std::vector<std::string> messages;
};

ByteView View(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

std::string Frame(const std::string& message) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string bytes = {0, static_cast<char>(size >> 24),
                       static_cast<char>(size >> 16),
                       static_cast<char>(size >> 8), static_cast<char>(size)};
  return bytes + message;
}

TEST(GrpcDeframerTest, EveryWayToCutTheStreamGivesTheSameMessages) {
  const std::vector<std::string> messages = {"one", "", std::string(300, 'x'),
                                             "", "last"};
  std::string stream;
  for (const std::string& message : messages) stream += Frame(message);
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    GrpcDeframer deframer(1000);
    Collector collector;
    for (size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_TRUE(deframer.Feed(View(stream.substr(at, piece)), &collector));
    }
    EXPECT_EQ(collector.messages, messages) << "in pieces of " << piece;
  }
}

TEST(GrpcDeframerTest, RefusesWhatIsTooLarge) {
  Collector collector;
  EXPECT_TRUE(
      GrpcDeframer(10).Feed(View(Frame(std::string(10, 'x'))), &collector));
  EXPECT_FALSE(
      GrpcDeframer(10).Feed(View(Frame(std::string(11, 'x'))), &collector));
  GrpcDeframer bytewise(10);
  const std::string frame = Frame(std::string(11, 'x'));
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(bytewise.Feed(View(frame.substr(i, 1)), &collector));
  }
  EXPECT_FALSE(bytewise.Feed(View(frame.substr(4, 1)), &collector));
}

TEST(GrpcDeframerTest, RefusesCompression) {
  Collector collector;
  std::string frame = Frame("x");
  frame[0] = 1;
  EXPECT_FALSE(GrpcDeframer(10).Feed(View(frame), &collector));
}

TEST(GrpcDeframerTest, StopsWhenTheSinkRefuses) {
  Collector collector;
  collector.accept = false;
  EXPECT_FALSE(
      GrpcDeframer(10).Feed(View(Frame("a") + Frame("b")), &collector));
  EXPECT_EQ(collector.messages.size(), 1u);
}

}  // namespace
}  // namespace wsp
