#include "client_stub/preload/session_state.h"

namespace wsp {

SocketSessionState g_socket_session;
ConnectingState g_connecting;

void SettleSocketSession() {
  void (*const settle)() = g_socket_session.settle.load();
  if (settle != nullptr) settle();
}

namespace {

void Say(bool stays) {
  void (*const say_farewell)(bool) = g_socket_session.say_farewell.load();
  if (say_farewell != nullptr) say_farewell(stays);
}

}  // namespace

void SayFarewell() { Say(false); }
void TakeFarewellBack() { Say(true); }

void ForgetSocketSessionAfterFork() {
  g_connecting.mutex.ResetAfterFork();
  g_socket_session.mutex.ResetAfterFork();
  MutexLock lock(&g_socket_session.mutex);
  g_socket_session.session = nullptr;
  g_socket_session.has_unanswered.store(false);
  g_socket_session.has_unanswered_connects.store(false);
}

}  // namespace wsp
