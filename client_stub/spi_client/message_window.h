#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_MESSAGE_WINDOW_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_MESSAGE_WINDOW_H_

#include <winsock2.h>

#include <memory>

namespace wspd::spi_client {

struct PostedMessage {
  UINT message = 0;
  WPARAM wparam = 0;
  LPARAM lparam = 0;
};

// A window without a picture: a handle for WSPAsyncSelect and the queue of the
// messages posted to it. On Windows it is a message-only window, and Take is
// for the thread that made it; elsewhere any thread may call.
class MessageWindow {
 public:
  MessageWindow();
  // Drops what is queued; later posts to the handle fail.
  ~MessageWindow();
  MessageWindow(const MessageWindow&) = delete;
  MessageWindow& operator=(const MessageWindow&) = delete;

  HWND handle() const { return handle_; }

  // Takes the oldest message, waiting for one at most `timeout_ms` or forever
  // (WSA_INFINITE). False if none came.
  bool Take(PostedMessage* message, DWORD timeout_ms);

  // Messages that a window holds; more are refused.
  static constexpr size_t kMaxMessages = 10000;

 private:
  struct Queue;
  friend bool PostToWindow(HWND window, const PostedMessage& message);

  HWND handle_;
  std::shared_ptr<Queue> queue_;
};

// WPUPostMessage. False if `window` isn't open, or is full. Any thread.
bool PostToWindow(HWND window, const PostedMessage& message);

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_MESSAGE_WINDOW_H_
