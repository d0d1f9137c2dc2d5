#include "daemon/linux/socket_ends.h"

#include <sys/epoll.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/base/log.h"

namespace wspd {
namespace {

// Read in one go before the loop serves others.
constexpr int kReportsPerEvent = 256;

// Between two readings: where sockets come and go by the thousand, a wake-up
// for each end would cost the programs more than the ends do.
constexpr absl::Duration kReadingPause = absl::Milliseconds(2);

constexpr uint32_t kEvents = EPOLLIN | EPOLLONESHOT;

}  // namespace

absl::StatusOr<std::shared_ptr<SocketEnds>> SocketEnds::Listen(
    EventLoop* loop, std::weak_ptr<SocketEndObserver> observer) {
  auto netlink = OpenSocketEnds();
  if (!netlink.ok()) return netlink.status();
  const int fd = netlink->get();
  std::shared_ptr<SocketEnds> ends(
      new SocketEnds(*std::move(netlink), loop, std::move(observer)));
  absl::MutexLock lock(&ends->mu_);
  auto watch = loop->Watch(fd, kEvents, ends);
  if (!watch.ok()) return watch.status();
  ends->watch_ = *watch;
  return ends;
}

void SocketEnds::Stop() {
  absl::MutexLock lock(&mu_);
  loop_->Unwatch(std::exchange(watch_, 0), netlink_.get());
}

void SocketEnds::OnEvents(uint32_t /*events*/) {
  Read();
  loop_->RunAfter(kReadingPause, [weak = weak_from_this()] {
    if (const auto ends = weak.lock()) ends->WatchAgain();
  });
}

void SocketEnds::WatchAgain() {
  absl::MutexLock lock(&mu_);
  if (watch_ == 0) return;
  const absl::Status status = loop_->Rearm(watch_, netlink_.get(), kEvents);
  if (!status.ok()) {
    Log(LogLevel::kError, "ends of sockets can't be watched any more",
        {{"cause", status.message()}});
  }
}

void SocketEnds::Read() {
  const std::shared_ptr<SocketEndObserver> observer = observer_.lock();
  if (observer == nullptr) return;
  for (int i = 0; i < kReportsPerEvent; ++i) {
    const auto more = ReadSocketEnds(
        netlink_.get(),
        [&](const SocketReport& report) { observer->OnSocketEnded(report); });
    if (more.ok() && !*more) return;
    if (more.ok()) continue;
    static LogLimit limit(1);
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kDebug, "ends of sockets lost",
          {{"cause", more.status().message()}}, *suppressed);
    }
    observer->OnEndsLost();
  }
}

}  // namespace wspd
