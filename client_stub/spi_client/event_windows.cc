#include "client_stub/spi_client/event.h"

namespace wspd::spi_client {
namespace {

BOOL Result(BOOL ok, LPINT error) {
  if (!ok && error != nullptr) *error = WSA_INVALID_HANDLE;
  return ok;
}

}  // namespace

WSAEVENT OpenEventObject(LPINT error) {
  const HANDLE event = CreateEventW(nullptr, TRUE, FALSE, nullptr);
  if (event == nullptr && error != nullptr) *error = WSAENOBUFS;
  return event;
}

BOOL CloseEventObject(WSAEVENT event, LPINT error) {
  return Result(CloseHandle(event), error);
}

BOOL SetEventObject(WSAEVENT event, LPINT error) {
  return Result(SetEvent(event), error);
}

BOOL ResetEventObject(WSAEVENT event, LPINT error) {
  return Result(ResetEvent(event), error);
}

DWORD WaitForEvents(const WSAEVENT* events, DWORD count, bool wait_all,
                    DWORD timeout_ms, bool alertable) {
  return WaitForMultipleObjectsEx(count, events, wait_all, timeout_ms,
                                  alertable);
}

DWORD SleepAlertable(DWORD timeout_ms) { return SleepEx(timeout_ms, TRUE); }

}  // namespace wspd::spi_client
