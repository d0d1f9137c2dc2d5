#ifndef WSPD_DAEMON_RELAY_RELAY_LOOP_H_
#define WSPD_DAEMON_RELAY_RELAY_LOOP_H_

#include <sys/epoll.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/relay/relay_turns.h"
#include "daemon/relay/spin_wait.h"

namespace wspd {

// One thread that moves the bytes of relayed sockets. Unlike EventLoop it takes
// no lock for an event: epoll has the handler's address, which is good until
// Retire() and the events of that round.
//
// Clients take turns, and what has come for others is looked for all the time:
// who has much to do keeps nobody waiting for longer than a turn of his takes.
//
// Watch() and Rearm() are thread-safe; the others are for handlers, on the
// loop's thread.
class RelayLoop {
 public:
  // What one turn of a socket may move before others have theirs, in bytes; and
  // while there are other clients.
  static constexpr size_t kTurnBytes = 512 << 10;
  static constexpr size_t kShortTurnBytes = 64 << 10;
  // Of buffer().
  static constexpr size_t kBufferBytes = 512 << 10;

  // Starts the thread, named `name` (at most 15 characters).
  static absl::StatusOr<std::unique_ptr<RelayLoop>> Create(
      const std::string& name);
  // As Stop().
  ~RelayLoop();

  RelayLoop(const RelayLoop&) = delete;
  RelayLoop& operator=(const RelayLoop&) = delete;

  // Stops and joins the thread. Handlers that it had deferred or retired are
  // released.
  void Stop();

  // Has `answer` called once on the loop's thread, after what that is busy
  // with; dropped if the loop stops. Thread-safe.
  void Ask(std::function<void()> answer);

  // Watches for `events` until `fd` is closed, if nobody else has it, or
  // Forget(). Both return errno, and tell of what is ready already.
  int Watch(int fd, uint32_t events, RelayHandler* handler, RelayEnd end);
  int Rearm(int fd, uint32_t events, RelayHandler* handler, RelayEnd end);

  // No event of a later round is of `fd` any more.
  void Forget(int fd);

  // Watches a program's end, which the caller is about to give away, for
  // SawProgram(). Returns errno. Thread-safe.
  int WatchProgram(int program, uint64_t number);
  // Whether something has happened to that end since the last such question, of
  // whichever end, and somebody still has it: epoll forgets a file with its
  // last descriptor.
  bool SawProgram(uint64_t number);

  // Calls OnTurn() when others have had their turn, without waiting for
  // anything else.
  void Defer(std::shared_ptr<RelayHandler> handler);
  // The same, and it needn't be sooner than in a millisecond if there are no
  // events: something is in use.
  void DeferAWhile(std::shared_ptr<RelayHandler> handler);
  // Lets go of a handler that wants nothing any more, and whose descriptors are
  // closed, when the events of this round are through.
  void Retire(std::shared_ptr<RelayHandler> handler);
  using Clock = std::chrono::steady_clock;
  using Timers = std::multimap<Clock::time_point, std::weak_ptr<RelayHandler>>;

  // Calls OnTime() in `delay`, unless the handler has ended by then: it is to
  // cancel it, since the timer holds on to its memory. Valid until OnTime().
  Timers::iterator WakeAfter(absl::Duration delay,
                             std::weak_ptr<RelayHandler> handler);
  void CancelWake(Timers::iterator timer) { due_.erase(timer); }

  // Looks that take their time, and that programs can cause at will, have a
  // quarter of the loop's. Whether there is time for one now: who makes it says
  // how long it took. Else OnLook() is called when there is, in the order of
  // LookLater()'s calls, unless the handler has ended by then.
  bool MayLook() const;
  void CountLook(std::chrono::nanoseconds took);
  void LookLater(std::weak_ptr<RelayHandler> handler);

  // For whoever has its turn.
  char* buffer() { return buffer_.get(); }
  // Whether another client waits, or was served a moment ago: whoever has its
  // turn is to make it a short one. Thread-safe, as the next one.
  bool is_shared() const { return is_shared_.load(std::memory_order_relaxed); }
  size_t turn_bytes() const {
    return is_shared() ? kShortTurnBytes : kTurnBytes;
  }

  bool OnThread() const {
    return std::this_thread::get_id() == thread_.get_id();
  }

 private:
  RelayLoop(OwnedFd epoll, OwnedFd programs, OwnedFd wake);

  void Run(const std::string& name);
  // Of epoll_wait() with as much room, and a time other than 0 only where there
  // is nothing else to do.
  int AwaitEvents(epoll_event* events, int timeout_ms);
  // Waits for events if nobody waits for his turn, and has them wait for that.
  void TakeEvents();
  void RunTurns();
  // A turn of the client's begins.
  void NoteTurn(const void* client);
  void ReleaseRetired();
  void RunDue();
  // What Ask() has brought.
  void RunAsked();
  void Wake();
  void RunLooks();
  int NextTimeoutMs() const;

  const OwnedFd epoll_;
  // Of the programs' ends.
  const OwnedFd programs_;
  const OwnedFd wake_;
  const std::unique_ptr<char[]> buffer_;
  std::atomic<bool> stopping_{false};
  // Taken by Ask(), and by the thread when that has woken it.
  absl::Mutex mu_;
  std::vector<std::function<void()>> asked_ ABSL_GUARDED_BY(mu_);
  // The thread's own.
  RelayTurns turns_;
  SpinWait spin_;
  std::vector<std::shared_ptr<RelayHandler>> deferred_a_while_;
  // When these may have theirs.
  Clock::time_point a_while_at_;
  std::vector<std::shared_ptr<RelayHandler>> retired_;
  std::atomic<bool> is_shared_{false};
  // Who had the last turn, when that was, and when another client had one.
  const void* last_client_ = nullptr;
  int64_t last_at_ns_ = INT64_MIN / 2;
  int64_t other_at_ns_ = INT64_MIN / 2;
  Timers due_;
  std::deque<std::weak_ptr<RelayHandler>> looks_;
  // When the next look may be made.
  Clock::time_point look_at_;
  std::thread thread_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAY_LOOP_H_
