#include "client_stub/preload/session_state.h"

namespace wsp {

SocketSessionState g_socket_session;
ConnectingState g_connecting;

void SettleSocketSession() {
  void (*const settle)() = g_socket_session.settle.load();
  if (settle != nullptr) settle();
}

void ForgetSocketSessionAfterFork() {
  g_connecting.mutex.ResetAfterFork();
  g_socket_session.mutex.ResetAfterFork();
  MutexLock lock(&g_socket_session.mutex);
  g_socket_session.session = nullptr;
  g_socket_session.has_unanswered.store(false);
  g_socket_session.has_unanswered_connects.store(false);
}

}  // namespace wsp
