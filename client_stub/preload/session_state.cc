#include "client_stub/preload/session_state.h"

namespace wsp {

SocketSessionState g_socket_session;
FarewellState g_farewell;
ConnectingState g_connecting;

void SettleSocketSession() {
  void (*const settle)() = g_socket_session.settle.load();
  if (settle != nullptr) settle();
}

namespace {

void Say(bool stays) {
  void (*const say)(bool) = g_farewell.say.load();
  if (say != nullptr) say(stays);
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
  g_farewell.mutex.ResetAfterFork();
  MutexLock farewell_lock(&g_farewell.mutex);
  g_farewell.channel = nullptr;
  g_farewell.departures.store(0);
}

}  // namespace wsp
