#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/thread_record_linux.h"

namespace wspd::spi_client {
namespace {

WSATHREADID MakeId(uint64_t handle) {
  WSATHREADID id = {};
  id.ThreadHandle = reinterpret_cast<HANDLE>(handle);
  return id;
}

int Fail(int code, LPINT error) {
  if (error != nullptr) *error = code;
  return SOCKET_ERROR;
}

}  // namespace

WSATHREADID CurrentThreadId() {
  return MakeId(ThreadRecord::Current()->own_handle());
}

int OpenCurrentThreadId(LPWSATHREADID id, LPINT error) {
  if (id == nullptr) return Fail(WSAEFAULT, error);
  const uint64_t handle = ThreadRecord::Current()->OpenHandle();
  if (handle == 0) return Fail(WSAENOBUFS, error);
  *id = MakeId(handle);
  return 0;
}

int CloseThreadId(LPWSATHREADID id, LPINT error) {
  if (id == nullptr) return Fail(WSAEFAULT, error);
  const auto handle = reinterpret_cast<uint64_t>(id->ThreadHandle);
  if (!ThreadRecord::CloseHandle(handle)) return Fail(WSAEFAULT, error);
  id->ThreadHandle = nullptr;
  return 0;
}

int QueueApc(LPWSATHREADID id, LPWSAUSERAPC apc, DWORD_PTR context,
             LPINT error) {
  if (id == nullptr || apc == nullptr) return Fail(WSAEFAULT, error);
  const auto handle = reinterpret_cast<uint64_t>(id->ThreadHandle);
  if (!ThreadRecord::Queue(handle, apc, context)) return Fail(WSAEFAULT, error);
  return 0;
}

}  // namespace wspd::spi_client
