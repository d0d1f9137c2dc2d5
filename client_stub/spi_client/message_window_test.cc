#include "client_stub/spi_client/message_window.h"

#include <thread>

#include "gtest/gtest.h"

namespace wspd::spi_client {
namespace {

TEST(MessageWindowTest, MessagesComeInTheOrderPosted) {
  MessageWindow window;
  EXPECT_TRUE(PostToWindow(window.handle(), {0x401, 1, 10}));
  EXPECT_TRUE(PostToWindow(window.handle(), {0x402, 2, 20}));
  PostedMessage message;
  ASSERT_TRUE(window.Take(&message, 0));
  EXPECT_EQ(message.message, 0x401u);
  EXPECT_EQ(message.wparam, 1u);
  EXPECT_EQ(message.lparam, 10);
  ASSERT_TRUE(window.Take(&message, 0));
  EXPECT_EQ(message.message, 0x402u);
  EXPECT_FALSE(window.Take(&message, 0));
}

TEST(MessageWindowTest, EachWindowHasItsOwnQueue) {
  MessageWindow one;
  MessageWindow other;
  EXPECT_NE(one.handle(), other.handle());
  EXPECT_TRUE(PostToWindow(one.handle(), {1, 0, 0}));
  PostedMessage message;
  EXPECT_FALSE(other.Take(&message, 0));
  EXPECT_TRUE(one.Take(&message, 0));
}

TEST(MessageWindowTest, TakeWaitsForAPost) {
  MessageWindow window;
  std::thread poster([&] { PostToWindow(window.handle(), {3, 0, 0}); });
  PostedMessage message;
  EXPECT_TRUE(window.Take(&message, WSA_INFINITE));
  EXPECT_EQ(message.message, 3u);
  poster.join();
}

TEST(MessageWindowTest, NoPostToAWindowThatIsGone) {
  HWND gone;
  {
    MessageWindow window;
    gone = window.handle();
  }
  EXPECT_FALSE(PostToWindow(gone, {1, 0, 0}));
  EXPECT_FALSE(PostToWindow(nullptr, {1, 0, 0}));
}

TEST(MessageWindowTest, AFullWindowRefuses) {
  MessageWindow window;
  for (size_t i = 0; i < MessageWindow::kMaxMessages; ++i) {
    ASSERT_TRUE(PostToWindow(window.handle(), {1, i, 0}));
  }
  EXPECT_FALSE(PostToWindow(window.handle(), {1, 0, 0}));
}

}  // namespace
}  // namespace wspd::spi_client
