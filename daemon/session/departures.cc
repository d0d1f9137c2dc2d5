#include "daemon/session/departures.h"

#include <sys/epoll.h>
#include <sys/types.h>

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
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
  if (departures_.size() > kMost) Tell(OldestOfBusiestUser());
}

uint64_t Departures::OldestOfBusiestUser() const {
  struct Share {
    uint64_t oldest = 0;
    size_t count = 0;
  };
  absl::flat_hash_map<uid_t, Share> shares;
  Share busiest;
  for (const auto& [id, departure] : departures_) {
    Share& share = shares[departure.client->identity().uid];
    if (share.count++ == 0) share.oldest = id;
    if (share.count > busiest.count) busiest = share;
  }
  return busiest.oldest;
}

void Departures::TellOfReturn(const ProcessKey& process) {
  std::vector<uint64_t> returned;
  for (const auto& [id, departure] : departures_) {
    if (departure.client->key() == process) returned.push_back(id);
  }
  for (const uint64_t id : returned) on_told_(*Take(id).client, false);
}

void Departures::Tell(uint64_t id) {
  // Timer and watch may come both.
  if (!departures_.contains(id)) return;
  const Departure departure = Take(id);
  on_told_(*departure.client, HasEnded(departure.client->pidfd()));
}

Departures::Departure Departures::Take(uint64_t id) {
  auto found = departures_.find(id);
  Departure departure = std::move(found->second);
  departures_.erase(found);
  loop_->CancelTimer(departure.timer);
  loop_->Unwatch(departure.watch, departure.client->pidfd());
  return departure;
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
