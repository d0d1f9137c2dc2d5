#include "client_stub/spi/connection_context.h"

#include <mswsock.h>

#include <cstring>

namespace wsp {
namespace {

uint32_t ReadListener(const SpiCall& call, const char* value, int length,
                      uint64_t* id) {
  SOCKET listener;
  if (value == nullptr || length < static_cast<int>(sizeof listener)) {
    return WSAEFAULT;
  }
  std::memcpy(&listener, value, sizeof listener);
  DWORD_PTR context = 0;
  const UpcallScope scope;
  int error = 0;
  if (call.upcalls().lpWPUQuerySocketHandleContext(listener, &context,
                                                   &error) != 0) {
    return WSAENOTSOCK;
  }
  *id = context;
  return 0;
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
    if (const uint32_t error = ReadListener(*call, value, length, &listener)) {
      return error;
    }
  }
  return call->Invoke(
      CallHeader(),
      [&](Call* request) {
        AppendSetSockOptContext(&request->bytes, SOL_SOCKET, option, listener);
      },
      nullptr);
}

}  // namespace wsp
