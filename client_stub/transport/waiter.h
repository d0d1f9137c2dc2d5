#ifndef WSPD_CLIENT_STUB_TRANSPORT_WAITER_H_
#define WSPD_CLIENT_STUB_TRANSPORT_WAITER_H_

#include <cstdint>
#include <memory>

#include "client_stub/base/intrusive_list.h"
#include "client_stub/base/signal_mask.h"

namespace wsp {

struct InWaiting;
struct InWaiters;

// What one waiting thread waits on: a set of an event of its own, the signals
// that it would take if they weren't blocked, and, while it is the one that
// reads, the connection.
//
// Wait() is for the waiting thread. Everything else happens under the session
// lock; from other threads it works on a thread that is waiting, without waking
// it unless there is something for it.
class Waiter : public ListNode<InWaiting>, public ListNode<InWaiters> {
 public:
  // What Wait() saw.
  static constexpr unsigned kConnection = 1;
  static constexpr unsigned kWoken = 2;
  static constexpr unsigned kSignal = 4;
  static constexpr unsigned kSocket = 8;

  // Null if there are no descriptors left.
  static std::unique_ptr<Waiter> Create();
  ~Waiter();

  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // Reports kSignal while one of `signals` is pending for the waiting thread.
  void WatchSignals(SignalMask signals);

  // Watches the connection for what there is to read and, if `write`, for room
  // to write.
  void WatchConnection(int fd, bool write);
  // No longer wakes up for the connection, which stays in the set.
  void IgnoreConnection();
  // Takes the connection out of the set; to be done before it is closed, since
  // a forked child may keep its file open.
  void ForgetConnection();

  // Reports kSocket while the socket of this descriptor has something to read,
  // or room to write, or has failed. False if there are no watches left.
  enum class SocketHas : uint8_t { kData, kRoom };
  bool WatchSocket(int descriptor, SocketHas what);
  // To be done before the descriptor is closed.
  void ForgetSocket();
  bool watches_socket() const { return socket_ >= 0; }

  // Has Wait() return kWoken, once.
  void Wake();

  // Blocks for at most `timeout_ms`, -1 for ever. A cancellation point, the
  // only one. Spurious returns of 0 happen.
  unsigned Wait(int timeout_ms);

  // The same, but looks for a moment before it sleeps, if the last wait turned
  // out to be so short that sleeping cost more: waking a halted core takes some
  // 25 us, about as long as the daemon needs for an answer. A wait that lasts
  // turns it off until one is short again, so that it costs at most a moment.
  unsigned WaitBriefly(int timeout_ms);

 private:
  enum class Watch : uint8_t { kNone, kNothing, kRead, kReadWrite };

  Waiter(int set, int event) : set_(set), event_(event) {}

  void SetWatch(int fd, Watch watch);

  // The system's numbers for them, -1 for none.
  const int set_;
  const int event_;
  int signal_source_ = -1;
  int connection_ = -1;
  int socket_ = -1;

  bool expects_short_wait_ = true;
  SignalMask signals_ = 0;
  Watch watch_ = Watch::kNone;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_WAITER_H_
