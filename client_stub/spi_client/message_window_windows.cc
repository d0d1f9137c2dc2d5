#include "client_stub/spi_client/message_window.h"

namespace wspd::spi_client {

struct MessageWindow::Queue {};  // the system's

MessageWindow::MessageWindow()
    : handle_(CreateWindowExW(0, L"STATIC", L"", 0, 0, 0, 0, 0, HWND_MESSAGE,
                              nullptr, nullptr, nullptr)) {}

MessageWindow::~MessageWindow() { DestroyWindow(handle_); }

bool MessageWindow::Take(PostedMessage* message, DWORD timeout_ms) {
  const ULONGLONG start = GetTickCount64();
  while (true) {
    MSG posted;
    if (PeekMessageW(&posted, handle_, 0, 0, PM_REMOVE)) {
      *message = {posted.message, posted.wParam, posted.lParam};
      return true;
    }
    DWORD left = INFINITE;
    if (timeout_ms != WSA_INFINITE) {
      const ULONGLONG passed = GetTickCount64() - start;
      if (passed >= timeout_ms) return false;
      left = static_cast<DWORD>(timeout_ms - passed);
    }
    MsgWaitForMultipleObjects(0, nullptr, FALSE, left, QS_ALLPOSTMESSAGE);
  }
}

bool PostToWindow(HWND window, const PostedMessage& message) {
  return PostMessageW(window, message.message, message.wparam,
                      message.lparam) != 0;
}

}  // namespace wspd::spi_client
