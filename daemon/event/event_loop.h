#ifndef WSPD_DAEMON_EVENT_EVENT_LOOP_H_
#define WSPD_DAEMON_EVENT_EVENT_LOOP_H_

#include <chrono>
#include <cstdint>
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

// Hears of a watched descriptor's readiness.
class EventHandler {
 public:
  virtual ~EventHandler() = default;

  // Called on the loop's thread with EPOLL* bits. Must not block. A call that
  // had begun when the watch was removed may still run: handlers check for
  // themselves whether they are still interested.
  virtual void OnEvents(uint32_t events) = 0;
};

// One thread waiting on one epoll set, with timers.
//
// Thread-safe: everything may be called from any thread, also from handlers and
// timers. Handlers and timers run on the loop's own thread, one at a time, with
// no lock of the loop held.
class EventLoop {
 public:
  using WatchId = uint64_t;
  using TimerId = uint64_t;

  // Starts the thread, named `name` (at most 15 characters).
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(std::string name);

  // Stops and joins the thread; what is still watched is forgotten. Not to be
  // called on the loop's own thread.
  ~EventLoop();

  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Watches `fd` for `events` (EPOLLIN, EPOLLOUT, EPOLLET, ...) until Unwatch;
  // the loop shares ownership of `handler`. The id is never 0. `fd` stays the
  // caller's and has to stay open until Unwatch.
  absl::StatusOr<WatchId> Watch(int fd, uint32_t events,
                                std::shared_ptr<EventHandler> handler);

  // Changes the events of a watch; EPOLLONESHOT watches are armed anew so.
  absl::Status Rearm(WatchId id, int fd, uint32_t events);

  // Ends a watch; afterwards no new call of its handler begins. An id that is 0
  // or ended before is ignored.
  void Unwatch(WatchId id, int fd);

  // Runs `callback` once when `delay` has passed, or soon after, however the
  // wall clock is set meanwhile. Returns a number for CancelTimer, never 0.
  TimerId RunAfter(absl::Duration delay, std::function<void()> callback);

  // Forgets a timer that has not begun to run; one that has is left alone.
  void CancelTimer(TimerId id);

  // Runs `callback` on the loop's thread, after what was posted before it.
  void Post(std::function<void()> callback);

  bool OnLoopThread() const {
    return std::this_thread::get_id() == thread_.get_id();
  }

 private:
  struct Slot {
    // Never 0, so that no watch's id is.
    uint32_t generation = 1;
    std::shared_ptr<EventHandler> handler;
  };
  using MonotonicTime = std::chrono::steady_clock::time_point;
  using TimerKey = std::pair<MonotonicTime, TimerId>;

  EventLoop(OwnedFd epoll, OwnedFd wake);

  void Run(const std::string& name);
  void RunDueTimers();
  void RunPosted();
  void DrainWake();
  void Wake();
  int NextTimeoutMs();
  std::shared_ptr<EventHandler> HandlerOf(WatchId id);

  const OwnedFd epoll_;
  const OwnedFd wake_;
  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mu_);
  std::vector<uint32_t> free_slots_ ABSL_GUARDED_BY(mu_);
  TimerId next_timer_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<TimerKey, std::function<void()>> timers_ ABSL_GUARDED_BY(mu_);
  std::map<TimerId, MonotonicTime> timer_times_ ABSL_GUARDED_BY(mu_);
  std::vector<std::function<void()>> posted_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_EVENT_EVENT_LOOP_H_
