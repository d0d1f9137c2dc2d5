#ifndef WSPD_DAEMON_RELAY_RELAY_LOOP_H_
#define WSPD_DAEMON_RELAY_RELAY_LOOP_H_

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

namespace wspd {

// Which descriptor of a relayed socket an event is of.
enum class RelayEnd : uint8_t {
  // The daemon's end of the program's pair.
  kProgram = 0,
  // The real socket.
  kReal = 1,
};

// A relayed socket as its loop sees it. Called on the loop's thread alone, one
// at a time, with no lock of the loop held.
class RelayHandler {
 public:
  virtual ~RelayHandler() = default;

  // EPOLL* bits. May come late, for what has been dealt with already.
  virtual void OnEvents(RelayEnd end, uint32_t events) = 0;
  // RelayLoop::Defer() was called, and others have had their turn.
  virtual void OnTurn() = 0;
  // RelayLoop::WakeAt()'s time has come.
  virtual void OnTime() = 0;
  // RelayLoop::LookLater() was called, and there is time for it.
  virtual void OnLook() {}
};

// One thread that moves the bytes of relayed sockets. Unlike EventLoop it takes
// no lock and looks nothing up for an event: epoll has the handler's address,
// which is good until Retire() and the events of that round.
//
// Watch() and Rearm() are thread-safe; the others are for handlers, on the
// loop's thread.
class RelayLoop {
 public:
  // What one turn of a socket may move before others have theirs, in bytes.
  static constexpr size_t kTurnBytes = 256 << 10;
  // Of buffer().
  static constexpr size_t kBufferBytes = 128 << 10;

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

  // Calls OnTurn() after the events of this round, before waiting for others.
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

  bool OnThread() const {
    return std::this_thread::get_id() == thread_.get_id();
  }

 private:
  RelayLoop(OwnedFd epoll, OwnedFd programs, OwnedFd wake);

  void Run(const std::string& name);
  void RunTurns();
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
  std::vector<std::shared_ptr<RelayHandler>> deferred_;
  std::vector<std::shared_ptr<RelayHandler>> deferred_a_while_;
  std::vector<std::shared_ptr<RelayHandler>> retired_;
  Timers due_;
  std::deque<std::weak_ptr<RelayHandler>> looks_;
  // When the next look may be made.
  Clock::time_point look_at_;
  std::thread thread_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAY_LOOP_H_
