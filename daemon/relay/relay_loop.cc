#include "daemon/relay/relay_loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "absl/status/status.h"

namespace wspd {
namespace {

constexpr int kEventsPerWait = 64;
// In a row, before anybody has his turn.
constexpr int kMostWaits = 16;
// Of turns, until it is looked who else wants one; and while there are others.
constexpr std::chrono::microseconds kTimeOfTurns{50};
constexpr std::chrono::microseconds kShortTimeOfTurns{10};
// For so long after another client's turn a client isn't alone. The clock that
// tells is a coarse one.
constexpr int64_t kRememberedNs = 10'000'000;
constexpr std::chrono::milliseconds kAWhile{1};
// Looks have one part in so many, and as many as that gives in this time may be
// made at once.
constexpr int kTimePerLook = 4;
constexpr std::chrono::milliseconds kLookCredit{5};

// epoll data: the handler's address, whose lowest bit says which end.
uint64_t Pack(RelayHandler* handler, RelayEnd end) {
  return reinterpret_cast<uintptr_t>(handler) | static_cast<uint64_t>(end);
}

int Control(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return epoll_ctl(epoll, operation, fd, &event) == 0 ? 0 : errno;
}

}  // namespace

static_assert(alignof(RelayHandler) > 1, "the lowest bit is the end's");

absl::StatusOr<std::unique_ptr<RelayLoop>> RelayLoop::Create(
    const std::string& name) {
  OwnedFd epoll(epoll_create1(EPOLL_CLOEXEC));
  OwnedFd programs(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid() || !programs.valid()) {
    return absl::ErrnoToStatus(errno, "epoll_create1()");
  }
  OwnedFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return absl::ErrnoToStatus(errno, "eventfd()");
  // No handler has the address 0.
  if (const int error =
          Control(epoll.get(), EPOLL_CTL_ADD, wake.get(), EPOLLIN, 0);
      error != 0) {
    return absl::ErrnoToStatus(error, "epoll_ctl(ADD, eventfd)");
  }
  std::unique_ptr<RelayLoop> loop(
      new RelayLoop(std::move(epoll), std::move(programs), std::move(wake)));
  // Signals belong to the main thread.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  loop->thread_ = std::thread([raw = loop.get(), name] { raw->Run(name); });
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return loop;
}

RelayLoop::RelayLoop(OwnedFd epoll, OwnedFd programs, OwnedFd wake)
    : epoll_(std::move(epoll)),
      programs_(std::move(programs)),
      wake_(std::move(wake)),
      buffer_(new char[kBufferBytes]) {}

RelayLoop::~RelayLoop() { Stop(); }

void RelayLoop::Stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  Wake();
  thread_.join();
  turns_.Clear();
  deferred_a_while_.clear();
  retired_.clear();
  due_.clear();
  looks_.clear();
}

void RelayLoop::Wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake anyway.
  (void)!write(wake_.get(), &one, sizeof(one));
}

void RelayLoop::Ask(std::function<void()> answer) {
  {
    absl::MutexLock lock(&mu_);
    asked_.push_back(std::move(answer));
  }
  Wake();
}

void RelayLoop::RunAsked() {
  // Before the list is taken: what is added later wakes the loop again.
  uint64_t count;
  (void)!read(wake_.get(), &count, sizeof(count));
  std::vector<std::function<void()>> asked;
  {
    absl::MutexLock lock(&mu_);
    asked.swap(asked_);
  }
  for (const auto& answer : asked) answer();
}

int RelayLoop::Watch(int fd, uint32_t events, RelayHandler* handler,
                     RelayEnd end) {
  return Control(epoll_.get(), EPOLL_CTL_ADD, fd, events, Pack(handler, end));
}

int RelayLoop::Rearm(int fd, uint32_t events, RelayHandler* handler,
                     RelayEnd end) {
  return Control(epoll_.get(), EPOLL_CTL_MOD, fd, events, Pack(handler, end));
}

void RelayLoop::Forget(int fd) {
  (void)Control(epoll_.get(), EPOLL_CTL_DEL, fd, 0, 0);
}

int RelayLoop::WatchProgram(int program, uint64_t number) {
  // Hang-ups alone, which no event mask can leave out.
  return Control(programs_.get(), EPOLL_CTL_ADD, program, EPOLLET, number);
}

bool RelayLoop::SawProgram(uint64_t number) {
  std::array<epoll_event, kEventsPerWait> events;
  for (;;) {
    const int count =
        epoll_wait(programs_.get(), events.data(), kEventsPerWait, 0);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 == number) return true;
    }
    if (count < kEventsPerWait) return false;
  }
}

void RelayLoop::Defer(std::shared_ptr<RelayHandler> handler) {
  turns_.AddTurn(handler);
}

void RelayLoop::DeferAWhile(std::shared_ptr<RelayHandler> handler) {
  if (deferred_a_while_.empty()) a_while_at_ = Clock::now() + kAWhile;
  deferred_a_while_.push_back(std::move(handler));
}

void RelayLoop::Retire(std::shared_ptr<RelayHandler> handler) {
  retired_.push_back(std::move(handler));
}

RelayLoop::Timers::iterator RelayLoop::WakeAfter(
    absl::Duration delay, std::weak_ptr<RelayHandler> handler) {
  return due_.emplace(Clock::now() + absl::ToChronoNanoseconds(delay),
                      std::move(handler));
}

bool RelayLoop::MayLook() const {
  return looks_.empty() && Clock::now() >= look_at_;
}

void RelayLoop::CountLook(std::chrono::nanoseconds took) {
  look_at_ =
      std::max(look_at_, Clock::now() - kLookCredit) + kTimePerLook * took;
}

void RelayLoop::LookLater(std::weak_ptr<RelayHandler> handler) {
  looks_.push_back(std::move(handler));
}

void RelayLoop::RunLooks() {
  while (!looks_.empty() && Clock::now() >= look_at_) {
    const std::shared_ptr<RelayHandler> handler = looks_.front().lock();
    looks_.pop_front();
    if (handler != nullptr) handler->OnLook();
  }
}

int RelayLoop::NextTimeoutMs() const {
  auto next = Clock::time_point::max();
  if (!looks_.empty()) next = look_at_;
  if (!due_.empty()) next = std::min(next, due_.begin()->first);
  if (next == Clock::time_point::max()) {
    return deferred_a_while_.empty() ? -1 : 1;
  }
  const auto now = Clock::now();
  if (next <= now) return 0;
  if (!deferred_a_while_.empty()) return 1;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(next - now);
  // Rounded up, so that something is due when the wait ends.
  return static_cast<int>(std::clamp<int64_t>(left.count() + 1, 0,
                                              std::numeric_limits<int>::max()));
}

int RelayLoop::AwaitEvents(epoll_event* events, int timeout_ms) {
  int count = 0;
  const auto wait = [&](int ms) {
    count = epoll_wait(epoll_.get(), events, kEventsPerWait, ms);
    return count != 0;
  };
  if (timeout_ms == 0) {
    wait(0);
    return count;
  }
  if (spin_.Run([&] { return wait(0); })) return count;
  const Clock::time_point begin = Clock::now();
  wait(timeout_ms);
  spin_.OnSlept(Clock::now() - begin);
  return count;
}

void RelayLoop::TakeEvents() {
  std::array<epoll_event, kEventsPerWait> events;
  int timeout_ms = turns_.empty() ? NextTimeoutMs() : 0;
  // What is at the end of the kernel's list may be of a client that has had
  // less.
  for (int waits = 0; waits < kMostWaits; ++waits) {
    const int count = AwaitEvents(events.data(), timeout_ms);
    bool asked = false;
    for (int i = 0; i < count; ++i) {
      const uint64_t data = events[i].data.u64;
      if (data == 0) {
        // Stop()'s wake-up, or Ask()'s.
        asked = true;
        continue;
      }
      auto* const handler =
          reinterpret_cast<RelayHandler*>(data & ~uint64_t{1});
      turns_.AddEvents(handler, static_cast<RelayEnd>(data & 1),
                       events[i].events);
    }
    if (asked) RunAsked();
    if (count < kEventsPerWait) return;
    timeout_ms = 0;
  }
}

void RelayLoop::NoteTurn(const void* client) {
  timespec coarse{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &coarse);
  const int64_t now = int64_t{1000000000} * coarse.tv_sec + coarse.tv_nsec;
  if (client != last_client_) {
    other_at_ns_ = last_at_ns_;
    last_client_ = client;
  }
  last_at_ns_ = now;
  is_shared_.store(turns_.clients() > 1 || now - other_at_ns_ < kRememberedNs,
                   std::memory_order_relaxed);
}

void RelayLoop::RunTurns() {
  if (!deferred_a_while_.empty() && Clock::now() >= a_while_at_) {
    for (const auto& handler : deferred_a_while_) turns_.AddTurn(handler);
    deferred_a_while_.clear();
  }
  std::optional<Clock::time_point> end;
  while (!turns_.empty()) {
    NoteTurn(turns_.next_client());
    turns_.RunNext();
    if (turns_.empty()) return;
    const auto now = Clock::now();
    if (!end.has_value()) {
      end = now + (is_shared() ? kShortTimeOfTurns : kTimeOfTurns);
    }
    if (now >= *end) return;
  }
}

void RelayLoop::ReleaseRetired() {
  retired_.erase(
      std::remove_if(retired_.begin(), retired_.end(),
                     [](const auto& one) { return !RelayTurns::Waits(*one); }),
      retired_.end());
}

void RelayLoop::RunDue() {
  if (due_.empty()) return;
  auto now = Clock::now();
  // A client may have seen to it that thousands are due at once; whoever else
  // is due then is so behind them, but events are looked for in between.
  const auto end = now + (is_shared() ? kShortTimeOfTurns : kTimeOfTurns);
  for (; !due_.empty() && due_.begin()->first <= now && now < end;
       now = Clock::now()) {
    const std::shared_ptr<RelayHandler> handler = due_.begin()->second.lock();
    due_.erase(due_.begin());
    if (handler == nullptr) continue;
    NoteTurn(handler->client());
    handler->OnTime();
  }
}

void RelayLoop::Run(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  while (!stopping_.load(std::memory_order_relaxed)) {
    TakeEvents();
    RunTurns();
    RunDue();
    RunLooks();
    ReleaseRetired();
  }
}

}  // namespace wspd
