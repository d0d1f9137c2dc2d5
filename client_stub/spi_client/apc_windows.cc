#include "client_stub/spi_client/apc.h"

namespace wspd::spi_client {
namespace {

// A real handle of the calling thread; null on failure.
HANDLE OpenCurrentThreadHandle() {
  HANDLE handle = nullptr;
  DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(),
                  &handle, 0, FALSE, DUPLICATE_SAME_ACCESS);
  return handle;
}

struct OwnHandle {
  ~OwnHandle() { CloseHandle(handle); }
  const HANDLE handle = OpenCurrentThreadHandle();
};

int Fail(int code, LPINT error) {
  if (error != nullptr) *error = code;
  return SOCKET_ERROR;
}

}  // namespace

WSATHREADID CurrentThreadId() {
  thread_local OwnHandle own;
  WSATHREADID id = {};
  id.ThreadHandle = own.handle;
  return id;
}

int OpenCurrentThreadId(LPWSATHREADID id, LPINT error) {
  if (id == nullptr) return Fail(WSAEFAULT, error);
  id->ThreadHandle = OpenCurrentThreadHandle();
  id->Reserved = 0;
  return id->ThreadHandle == nullptr ? Fail(WSAENOBUFS, error) : 0;
}

int CloseThreadId(LPWSATHREADID id, LPINT error) {
  if (id == nullptr || !CloseHandle(id->ThreadHandle)) {
    return Fail(WSAEFAULT, error);
  }
  id->ThreadHandle = nullptr;
  return 0;
}

int QueueApc(LPWSATHREADID id, LPWSAUSERAPC apc, DWORD_PTR context,
             LPINT error) {
  if (id == nullptr || apc == nullptr) return Fail(WSAEFAULT, error);
  if (!QueueUserAPC(apc, id->ThreadHandle, context)) {
    return Fail(WSAEFAULT, error);
  }
  return 0;
}

}  // namespace wspd::spi_client
