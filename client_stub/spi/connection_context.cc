#include "client_stub/spi/connection_context.h"

#include <mswsock.h>

#include <cstring>

namespace wsp {
namespace {

uint32_t ReadListener(SpiCall* call, const char* value, int length,
                      uint64_t* id) {
  SOCKET listener;
  if (value == nullptr || length < static_cast<int>(sizeof listener)) {
    return WSAEFAULT;
  }
  std::memcpy(&listener, value, sizeof listener);
  return call->QueryHandle(listener, id) ? 0 : WSAENOTSOCK;
}

// Of the listener's properties those that the stub itself has to know.
void InheritTimeouts(SpiCall* call, uint64_t listener_id) {
  MutexLock lock(&g_library.mutex);
  if (!call->StillThere()) return;
  Provider* provider = call->provider();
  StubSocket* listener = provider->FindSocket(listener_id);
  if (listener == nullptr) return;
  call->socket()->send_timeout_ms = listener->send_timeout_ms;
  call->socket()->receive_timeout_ms = listener->receive_timeout_ms;
  provider->Release(listener);
}

}  // namespace

bool IsConnectionContext(int level, int option) {
  return level == SOL_SOCKET && (option == SO_UPDATE_CONNECT_CONTEXT ||
                                 option == SO_UPDATE_ACCEPT_CONTEXT);
}

uint32_t UpdateConnectionContext(SpiCall* call, int option, const char* value,
                                 int length) {
  uint64_t listener = 0;
  if (option == SO_UPDATE_ACCEPT_CONTEXT) {
    if (const uint32_t error = ReadListener(call, value, length, &listener)) {
      return error;
    }
  }
  const uint32_t error = call->Invoke(
      CallHeader(),
      [&](Call* request) {
        AppendSetSockOptContext(&request->bytes, SOL_SOCKET, option, listener);
      },
      nullptr);
  if (error == 0 && listener != 0) InheritTimeouts(call, listener);
  return error;
}

}  // namespace wsp
