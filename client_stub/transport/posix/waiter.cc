#include "client_stub/transport/waiter.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "client_stub/base/posix/signal_set.h"
#include "client_stub/transport/posix/descriptors.h"

namespace wsp {
namespace {

// How long a wait may look before it sleeps, and how long one may have lasted
// for the next one to be expected to be over in that time.
constexpr int64_t kMomentNs = 50 * 1000;
constexpr int64_t kShortWaitNs = 100 * 1000;

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000000000} + now.tv_nsec;
}

bool Add(int epoll, int fd, unsigned tag, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.u32 = tag;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

std::unique_ptr<Waiter> Waiter::Create() {
  const int epoll = AdoptDescriptor(epoll_create1(EPOLL_CLOEXEC));
  const int event = AdoptDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::unique_ptr<Waiter> waiter(new Waiter(epoll, event));
  if (epoll < 0 || event < 0) return nullptr;
  // Edge-triggered, so that it needn't be read: a write is one wake-up.
  if (!Add(epoll, event, kWoken, EPOLLIN | EPOLLET)) return nullptr;
  return waiter;
}

Waiter::~Waiter() {
  CloseDescriptor(signal_source_);
  CloseDescriptor(event_);
  CloseDescriptor(set_);
}

void Waiter::WatchSignals(SignalMask signals) {
  if (signal_source_ >= 0 && signals == signals_) return;
  signals_ = signals;
  const sigset_t set = SetOf(signals);
  if (signal_source_ >= 0) {
    signalfd(signal_source_, &set, 0);
    return;
  }
  signal_source_ =
      AdoptDescriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  // Without one, signals wait until the call is over.
  if (signal_source_ >= 0) Add(set_, signal_source_, kSignal, EPOLLIN);
}

void Waiter::SetWatch(int fd, Watch watch) {
  if (fd == connection_ && watch == watch_) return;
  epoll_event event = {};
  event.data.u32 = kConnection;
  switch (watch) {
    case Watch::kNothing:
      // A hang-up is reported whatever one asks for; once is enough.
      event.events = EPOLLET;
      break;
    case Watch::kReadWrite:
      event.events = EPOLLIN | EPOLLOUT;
      break;
    default:
      event.events = EPOLLIN;
  }
  const int action = connection_ < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  epoll_ctl(set_, action, fd, &event);
  connection_ = fd;
  watch_ = watch;
}

void Waiter::WatchConnection(int fd, bool write) {
  SetWatch(fd, write ? Watch::kReadWrite : Watch::kRead);
}

void Waiter::IgnoreConnection() {
  if (connection_ >= 0) SetWatch(connection_, Watch::kNothing);
}

void Waiter::ForgetConnection() {
  if (connection_ < 0) return;
  epoll_ctl(set_, EPOLL_CTL_DEL, connection_, nullptr);
  connection_ = -1;
  watch_ = Watch::kNone;
}

bool Waiter::WatchSocket(int descriptor, SocketHas what) {
  ForgetSocket();
  const uint32_t events = what == SocketHas::kData
                              ? EPOLLIN | EPOLLPRI | EPOLLRDHUP
                              : uint32_t{EPOLLOUT};
  if (!Add(set_, descriptor, kSocket, events)) return false;
  socket_ = descriptor;
  return true;
}

void Waiter::ForgetSocket() {
  if (socket_ < 0) return;
  epoll_ctl(set_, EPOLL_CTL_DEL, socket_, nullptr);
  socket_ = -1;
}

void Waiter::Wake() {
  const uint64_t one = 1;
  // Fails only when it is full, that is when it is awake anyway.
  [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof one);
}

unsigned Waiter::Wait(int timeout_ms) {
  epoll_event events[4];
  const int count = epoll_wait(set_, events, 4, timeout_ms);
  unsigned seen = 0;
  for (int i = 0; i < count; ++i) seen |= events[i].data.u32;
  return seen;
}

unsigned Waiter::WaitBriefly(int timeout_ms) {
  if (timeout_ms == 0) return Wait(0);
  const int64_t begin = NowNs();
  if (expects_short_wait_) {
    do {
      if (const unsigned seen = Wait(0)) return seen;
      sched_yield();
    } while (NowNs() - begin < kMomentNs);
  }
  const unsigned seen = Wait(timeout_ms);
  expects_short_wait_ = NowNs() - begin < kShortWaitNs;
  return seen;
}

}  // namespace wsp
