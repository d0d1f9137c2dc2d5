#include "client_stub/preload/session_state.h"

namespace wsp {

SocketSessionState g_socket_session;

void ForgetSocketSessionAfterFork() {
  g_socket_session.mutex.ResetAfterFork();
  MutexLock lock(&g_socket_session.mutex);
  g_socket_session.session = nullptr;
}

}  // namespace wsp
