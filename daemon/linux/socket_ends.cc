#include "daemon/linux/socket_ends.h"

#include <sys/epoll.h>

#include <utility>

#include "daemon/base/log.h"

namespace wspd {
namespace {

// Read in one go before the loop serves others.
constexpr int kReportsPerEvent = 256;

}  // namespace

absl::StatusOr<std::shared_ptr<SocketEnds>> SocketEnds::Listen(
    EventLoop* loop, std::weak_ptr<SocketEndObserver> observer) {
  auto netlink = OpenSocketEnds();
  if (!netlink.ok()) return netlink.status();
  const int fd = netlink->get();
  std::shared_ptr<SocketEnds> ends(
      new SocketEnds(*std::move(netlink), loop, std::move(observer)));
  auto watch = loop->Watch(fd, EPOLLIN, ends);
  if (!watch.ok()) return watch.status();
  ends->watch_ = *watch;
  return ends;
}

void SocketEnds::Stop() { loop_->Unwatch(watch_.exchange(0), netlink_.get()); }

void SocketEnds::OnEvents(uint32_t /*events*/) {
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
