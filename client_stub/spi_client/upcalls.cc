#include "client_stub/spi_client/upcalls.h"

#include <cstring>
#include <utility>
#include <vector>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/blocking_hook.h"
#include "client_stub/spi_client/catalog.h"
#include "client_stub/spi_client/completion_port.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/message_window.h"
#include "client_stub/spi_client/mutex.h"
#include "client_stub/spi_client/socket_handles.h"

namespace wspd::spi_client {
namespace {

int Fail(int code, LPINT error) {
  if (error != nullptr) *error = code;
  return SOCKET_ERROR;
}

class ProviderPaths {
 public:
  static ProviderPaths& Get() {
    static auto* const paths = new ProviderPaths;
    return *paths;
  }

  void Set(const GUID& provider, const std::string& path) {
    MutexLock lock(&mutex_);
    std::string* const known = FindLocked(provider);
    if (known != nullptr) {
      *known = path;
    } else {
      paths_.emplace_back(provider, path);
    }
  }

  bool Find(const GUID& provider, std::string* path) {
    MutexLock lock(&mutex_);
    const std::string* const known = FindLocked(provider);
    if (known != nullptr) *path = *known;
    return known != nullptr;
  }

 private:
  std::string* FindLocked(const GUID& provider) WSPD_REQUIRES(mutex_) {
    for (auto& [guid, path] : paths_) {
      if (std::memcmp(&guid, &provider, sizeof(GUID)) == 0) return &path;
    }
    return nullptr;
  }

  Mutex mutex_;
  std::vector<std::pair<GUID, std::string>> paths_ WSPD_GUARDED_BY(mutex_);
};

SOCKET WSPAPI CreateSocketHandle(DWORD, DWORD_PTR context, LPINT error) {
  return OpenSocketHandle(context, error);
}

int WSPAPI IsInSet(SOCKET s, fd_set* set) {
  for (u_int i = 0; set != nullptr && i < set->fd_count; ++i) {
    if (set->fd_array[i] == s) return TRUE;
  }
  return FALSE;
}

int WSPAPI GetProviderPath(LPGUID provider, WCHAR* path, LPINT length,
                           LPINT error) {
  if (provider == nullptr || path == nullptr || length == nullptr) {
    return Fail(WSAEFAULT, error);
  }
  std::string found;
  if (!ProviderPaths::Get().Find(*provider, &found)) {
    return Fail(WSAEINVAL, error);
  }
  const int needed = static_cast<int>(found.size()) + 1;
  const int given = std::exchange(*length, needed);
  if (given < needed) return Fail(WSAEFAULT, error);
  CopyToWide(found, path, needed);
  return 0;
}

SOCKET WSPAPI ModifyIfsHandle(DWORD, SOCKET proposed, LPINT error) {
  if (proposed == INVALID_SOCKET) {
    Fail(WSAEINVAL, error);
    return INVALID_SOCKET;
  }
  // A number may have been another socket's before.
#if !defined(_WIN32)
  UnbindCompletionPort(proposed);
#endif
  NoteKernelHandle(proposed);
  return proposed;
}

BOOL WSPAPI PostWindowMessage(HWND window, UINT message, WPARAM wparam,
                              LPARAM lparam) {
  return PostToWindow(window, {message, wparam, lparam}) ? TRUE : FALSE;
}

int WSPAPI QueryBlockingCallback(DWORD, LPBLOCKINGCALLBACK* callback,
                                 PDWORD_PTR context, LPINT error) {
  if (callback == nullptr || context == nullptr) return Fail(WSAEFAULT, error);
  const BlockingHook hook = CurrentBlockingHook();
  *callback = hook.callback;
  *context = hook.context;
  return 0;
}

// The functions of this library already have the upcalls' signatures, but on
// Windows for x86 not their calling convention.
BOOL WSPAPI CloseEventUpcall(WSAEVENT event, LPINT error) {
  return CloseEventObject(event, error);
}
BOOL WSPAPI ResetEventUpcall(WSAEVENT event, LPINT error) {
  return ResetEventObject(event, error);
}
BOOL WSPAPI SetEventUpcall(WSAEVENT event, LPINT error) {
  return SetEventObject(event, error);
}
WSAEVENT WSPAPI CreateEventUpcall(LPINT error) {
  return OpenEventObject(error);
}
int WSPAPI CloseSocketHandleUpcall(SOCKET s, LPINT error) {
#if !defined(_WIN32)  // there the system does
  UnbindCompletionPort(s);
#endif
  return CloseSocketHandle(s, error);
}
int WSPAPI QuerySocketHandleContext(SOCKET s, PDWORD_PTR context, LPINT error) {
  return QuerySocketHandle(s, context, error);
}
int WSPAPI QueueApcUpcall(LPWSATHREADID id, LPWSAUSERAPC apc, DWORD_PTR context,
                          LPINT error) {
  return QueueApc(id, apc, context, error);
}
int WSPAPI OpenCurrentThread(LPWSATHREADID id, LPINT error) {
  return OpenCurrentThreadId(id, error);
}
int WSPAPI CloseThread(LPWSATHREADID id, LPINT error) {
  return CloseThreadId(id, error);
}

constexpr WSPUPCALLTABLE kUpcalls = {
    CloseEventUpcall,
    CloseSocketHandleUpcall,
    CreateEventUpcall,
    CreateSocketHandle,
    IsInSet,
    GetProviderPath,
    ModifyIfsHandle,
    PostWindowMessage,
    QueryBlockingCallback,
    QuerySocketHandleContext,
    QueueApcUpcall,
    ResetEventUpcall,
    SetEventUpcall,
    OpenCurrentThread,
    CloseThread,
};

}  // namespace

const WSPUPCALLTABLE& Upcalls() { return kUpcalls; }

void SetProviderPath(const GUID& provider, const std::string& path) {
  ProviderPaths::Get().Set(provider, path);
}

}  // namespace wspd::spi_client

#if !defined(_WIN32)  // there ws2_32 exports it
extern "C" __attribute__((visibility("default"))) int
WPUCompleteOverlappedRequest(SOCKET s, LPWSAOVERLAPPED overlapped,
                             DWORD wsa_error, DWORD bytes, LPINT error) {
  using wspd::spi_client::Fail;
  if (overlapped == nullptr || !wspd::spi_client::IsSocketHandle(s)) {
    return Fail(WSAEINVAL, error);
  }
  if (wspd::spi_client::PostCompletion(s, overlapped, wsa_error, bytes)) {
    return 0;
  }
  if (overlapped->hEvent == nullptr) return 0;
  return wspd::spi_client::SetEventObject(overlapped->hEvent, error)
             ? 0
             : SOCKET_ERROR;
}

extern "C" __attribute__((visibility("default"))) int
WspHandleHasCompletionPort(SOCKET s) {
  return wspd::spi_client::HasCompletionPort(s) ? TRUE : FALSE;
}
#endif
