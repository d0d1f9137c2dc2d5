#ifndef WSPD_CLIENT_STUB_PRELOAD_SESSION_STATE_H_
#define WSPD_CLIENT_STUB_PRELOAD_SESSION_STATE_H_

#include <atomic>
#include <cstdint>

#include "client_stub/base/mutex.h"

namespace wsp {

class SocketSession;

// The process's conversation about sockets (socket_session.h), if there is one.
struct SocketSessionState {
  Mutex mutex;
  SocketSession* session WSP_GUARDED_BY(mutex) = nullptr;
  // Of connects that nobody has waited for some aren't answered.
  std::atomic<bool> has_unanswered{false};
  // Waits for these; null: there never was one.
  std::atomic<void (*)()> settle{nullptr};
};
extern SocketSessionState g_socket_session;

// Whoever has the sockets besides from now on, or can't ask any more, is to
// find begun what the program was told has begun. Waits for the daemon.
void SettleSocketSession();
// Else it waits for nothing.
inline bool HasToSettle() {
  return g_socket_session.has_unanswered.load(std::memory_order_relaxed);
}

// Held with signals blocked while a thread connects a relayed stream, until the
// daemon has been told of it.
struct ConnectingState {
  Mutex mutex;
  // How often the daemon has said nothing until it was too late.
  std::atomic<uint32_t> silences{0};
};
extern ConnectingState g_connecting;

// In a forked child: there is none, whatever the parent was in the midst of.
void ForgetSocketSessionAfterFork();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_SESSION_STATE_H_
