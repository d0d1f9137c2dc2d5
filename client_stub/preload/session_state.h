#ifndef WSPD_CLIENT_STUB_PRELOAD_SESSION_STATE_H_
#define WSPD_CLIENT_STUB_PRELOAD_SESSION_STATE_H_

#include <atomic>
#include <cstdint>

#include "client_stub/base/mutex.h"

namespace wsp {

class DescriptorChannel;
class SocketSession;

// The process's conversation about sockets (socket_session.h), if there is one.
struct SocketSessionState {
  Mutex mutex;
  SocketSession* session WSP_GUARDED_BY(mutex) = nullptr;
  // Of what nobody has waited for some isn't answered, and of that some tells
  // of connects.
  std::atomic<bool> has_unanswered{false};
  std::atomic<bool> has_unanswered_connects{false};
  // Waits for these; null: there never was one.
  std::atomic<void (*)()> settle{nullptr};
};
extern SocketSessionState g_socket_session;

// What it takes to say farewell. Apart from the conversation, whose mutex is
// held while the daemon is asked: an end isn't held up by that.
struct FarewellState {
  // Nothing is waited for with it held.
  Mutex mutex;
  // The session's; null: there is none that takes farewells.
  DescriptorChannel* channel WSP_GUARDED_BY(mutex) = nullptr;
  // The calls under way that end the process, or may do so: who has failed
  // doesn't take back what another one has said.
  std::atomic<uint32_t> departures{0};
  // Says farewell, or that the process `stays` after all; null: there never was
  // a session.
  std::atomic<void (*)(bool stays)> say{nullptr};
};
extern FarewellState g_farewell;

// Waits for the daemon to have done all that it was told to, if nobody has
// waited for something: whoever has the sockets besides from now on, or can't
// ask any more, is to find it so.
void SettleSocketSession();

// Tells the daemon, without waiting for it, that the process is about to end or
// to become another program: else it takes the end for a death. TakeBack: that
// has failed, and the process goes on unless another call ends it. Neither
// waits, but for 50 ms if another thread is at it, or this one was when the
// signal came in whose handler it is; then it stays unsaid.
void SayFarewell();
void TakeFarewellBack();

inline bool HasToSettle() {
  return g_socket_session.has_unanswered.load(std::memory_order_relaxed);
}
inline bool HasConnectsToSettle() {
  return g_socket_session.has_unanswered_connects.load(
      std::memory_order_relaxed);
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
