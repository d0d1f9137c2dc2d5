#include "daemon/session/departures.h"

#include <sys/epoll.h>

#include <utility>

#include "absl/synchronization/notification.h"
#include "daemon/base/log.h"
#include "daemon/identity/peer_identity.h"

namespace wspd {

class Departures::ProcessWatch : public EventHandler {
 public:
  ProcessWatch(Departures* departures, uint64_t id)
      : departures_(departures), id_(id) {}

  void OnEvents(uint32_t /*events*/) override { departures_->Tell(id_); }

 private:
  Departures* const departures_;
  const uint64_t id_;
};

Departures::Departures(EventLoop* loop, absl::Duration patience, OnTold on_told)
    : loop_(loop), patience_(patience), on_told_(std::move(on_told)) {}

void Departures::Add(std::shared_ptr<Client> client) {
  const int pidfd = client->pidfd();
  if (pidfd < 0) return on_told_(*client, false);
  if (HasEnded(pidfd)) return on_told_(*client, true);
  if (departures_.size() >= kMost) return on_told_(*client, false);
  const uint64_t id = ++last_id_;
  auto watch = loop_->Watch(pidfd, EPOLLIN | EPOLLONESHOT,
                            std::make_shared<ProcessWatch>(this, id));
  if (!watch.ok()) {
    Log(LogLevel::kWarning, "process not watched",
        {{"client", client->id()}, {"cause", watch.status().message()}});
    return on_told_(*client, false);
  }
  const EventLoop::TimerId timer =
      loop_->RunAfter(patience_, [this, id] { Tell(id); });
  departures_.emplace(id, Departure{std::move(client), *watch, timer});
}

void Departures::Tell(uint64_t id) {
  auto found = departures_.find(id);
  // Timer and watch may come both.
  if (found == departures_.end()) return;
  const Departure departure = std::move(found->second);
  departures_.erase(found);
  loop_->CancelTimer(departure.timer);
  const int pidfd = departure.client->pidfd();
  loop_->Unwatch(departure.watch, pidfd);
  on_told_(*departure.client, HasEnded(pidfd));
}

void Departures::EndAll() {
  absl::Notification done;
  loop_->Post([this, &done] {
    while (!departures_.empty()) Tell(departures_.begin()->first);
    done.Notify();
  });
  done.WaitForNotification();
}

}  // namespace wspd
