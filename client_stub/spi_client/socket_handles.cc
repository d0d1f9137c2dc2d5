#include "client_stub/spi_client/socket_handles.h"

#include <unordered_set>

#include "client_stub/spi_client/handle_table.h"
#include "client_stub/spi_client/mutex.h"

namespace wspd::spi_client {
namespace {

// Lives as long as the process: a provider may call until its very end.
HandleTable& Handles() {
  static auto* const handles = new HandleTable(HandleTable::Kind::kSocket);
  return *handles;
}

struct KernelHandles {
  Mutex mutex;
  std::unordered_set<SOCKET> handles WSPD_GUARDED_BY(mutex);
};

KernelHandles& Kernel() {
  static auto* const handles = new KernelHandles;
  return *handles;
}

int Fail(int code, LPINT error) {
  if (error != nullptr) *error = code;
  return SOCKET_ERROR;
}

}  // namespace

SOCKET OpenSocketHandle(DWORD_PTR context, LPINT error) {
  const SOCKET s = Handles().Open(context);
  if (s != 0) return s;
  Fail(WSAENOBUFS, error);
  return INVALID_SOCKET;
}

int QuerySocketHandle(SOCKET s, PDWORD_PTR context, LPINT error) {
  if (context == nullptr) return Fail(WSAEFAULT, error);
  uint64_t value;
  if (!Handles().Query(s, &value)) return Fail(WSAENOTSOCK, error);
  *context = static_cast<DWORD_PTR>(value);
  return 0;
}

int CloseSocketHandle(SOCKET s, LPINT error) {
  return Handles().Close(s) ? 0 : Fail(WSAENOTSOCK, error);
}

void NoteKernelHandle(SOCKET s) {
  MutexLock lock(&Kernel().mutex);
  Kernel().handles.insert(s);
}

bool IsSocketHandle(SOCKET s) {
  uint64_t context;
  if (Handles().Query(s, &context)) return true;
  MutexLock lock(&Kernel().mutex);
  return Kernel().handles.count(s) > 0;
}

}  // namespace wspd::spi_client
