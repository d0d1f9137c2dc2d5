#ifndef WSPD_DAEMON_SESSION_ENVIRONMENT_H_
#define WSPD_DAEMON_SESSION_ENVIRONMENT_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/event/event_loop.h"
#include "daemon/journal/event_journal.h"
#include "daemon/linux/lent_sockets.h"
#include "daemon/linux/socket_owners.h"
#include "daemon/linux/socket_user.h"
#include "daemon/metrics/session_metrics.h"
#include "daemon/policy/policy_store.h"
#include "daemon/relay/relayed_sockets.h"
#include "daemon/resolver/resolver.h"
#include "daemon/session/name_history.h"
#include "daemon/session/startup.h"
#include "daemon/session/ticket_table.h"
#include "daemon/winsock/winsock_socket.h"

namespace wspd {

// What all attachments of the daemon share; outlives them. Thread-safe.
class SessionEnvironment {
 public:
  // Without a resolver there is no name space: WSAEOPNOTSUPP. Tickets of
  // WSPDuplicateSocket that nobody claims end after `ticket_time`. Without
  // `lent_sockets` nothing is lent, without `relayed_sockets` nothing relayed,
  // and without `policy` nothing denied. `user_limits` are those of each user,
  // `client_rates` those of each client. Without `events` there is a journal of
  // its own.
  SessionEnvironment(std::vector<EventLoop*> loops, Lingerer* lingerer,
                     Resolver* resolver = nullptr,
                     absl::Duration ticket_time = absl::Minutes(1),
                     LentSockets* lent_sockets = nullptr,
                     RelayedSockets* relayed_sockets = nullptr,
                     PolicyStore* policy = nullptr,
                     const UserLimits& user_limits = {},
                     const Rates& client_rates = {},
                     EventJournal* events = nullptr)
      : own_events_(events == nullptr ? std::make_unique<EventJournal>()
                                      : nullptr),
        events_(events == nullptr ? own_events_.get() : events),
        sockets_{lingerer, events_,
                 relayed_sockets == nullptr
                     ? nullptr
                     : relayed_sockets->options().addresses},
        loops_(std::move(loops)),
        resolver_(resolver),
        tickets_(TicketTable::Create(loops_.front(), ticket_time)),
        lent_sockets_(lent_sockets),
        relayed_sockets_(relayed_sockets),
        policy_(policy),
        owners_(SocketOwners::Create(user_limits, client_rates)) {}

  const WinsockSocket::Environment* sockets() const { return &sockets_; }
  TicketTable* tickets() const { return tickets_.get(); }

  // May be null.
  Resolver* resolver() const { return resolver_; }
  // May be null.
  LentSockets* lent_sockets() const { return lent_sockets_; }
  // May be null.
  RelayedSockets* relayed_sockets() const { return relayed_sockets_; }
  // May be null.
  PolicyStore* policy() const { return policy_; }
  // What a process may do by the rules. `owner` is its own.
  std::shared_ptr<const ClientAccess> AccessOf(
      const PeerIdentity& identity, const ProcessKey& key,
      const std::shared_ptr<SocketOwner>& owner) const {
    return policy_ == nullptr
               ? ClientAccess::Unrestricted()
               : policy_->AccessOf(identity, key,
                                   ClientNumber(owner, &owner->client_id));
  }
  // Those that a client of the user `uid` has at the moment who may do what
  // `access` says, as much of it as `quota` says; null: any amount. Where there
  // is a quota that applies nothing is lent, since the daemon doesn't see what
  // goes there; nor to whom sockets can't be given, since there it doesn't see
  // which addresses they take.
  OfferedPlanes PlanesFor(const ClientAccess& access, const RateQuota* quota,
                          uid_t uid) const {
    const bool rated = quota != nullptr && quota->applies();
    return {relayed_sockets_ != nullptr, lent_sockets_ != nullptr && !rated &&
                                             access.is_unrestricted() &&
                                             CanGiveToUser(uid)};
  }
  // What happens to clients and sockets.
  EventJournal* events() const { return events_; }
  // Of the clients' sockets, whatever plane these are on.
  SocketOwners* owners() const { return owners_.get(); }
  // What the clients have looked up.
  NameHistory* names() const { return names_.get(); }

  // The loop for a new socket; they take turns.
  EventLoop* NextLoop() const {
    return loops_[next_loop_.fetch_add(1, std::memory_order_relaxed) %
                  loops_.size()];
  }

  // The daemon is stopping: new calls end with WSAENETDOWN.
  void Stop() { stopping_.store(true, std::memory_order_relaxed); }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  // While it drains, no process becomes a client, and no client gets a socket
  // that it makes. Whether that is new.
  bool SetDraining(bool draining) {
    const int64_t since = draining ? absl::GetCurrentTimeNanos() : 0;
    int64_t before = draining_since_ns_.load(std::memory_order_relaxed);
    do {
      if ((before != 0) == draining) return false;
    } while (!draining_since_ns_.compare_exchange_weak(before, since));
    return true;
  }
  bool draining() const { return draining_since_ns() != 0; }
  // Unix time; 0: it doesn't.
  int64_t draining_since_ns() const {
    return draining_since_ns_.load(std::memory_order_relaxed);
  }

  // Where calls and cleanups are timed; null: nowhere. To be set, by who keeps
  // it, before anybody is served.
  void SetMetrics(SessionMetrics* metrics) { metrics_ = metrics; }
  SessionMetrics* metrics() const { return metrics_; }

  // Counters for listings.
  void CountCall() const { calls_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t calls() const { return calls_.load(std::memory_order_relaxed); }

 private:
  const std::unique_ptr<EventJournal> own_events_;
  EventJournal* const events_;
  const WinsockSocket::Environment sockets_;
  const std::vector<EventLoop*> loops_;
  Resolver* const resolver_;
  const std::shared_ptr<TicketTable> tickets_;
  LentSockets* const lent_sockets_;
  RelayedSockets* const relayed_sockets_;
  PolicyStore* const policy_;
  const std::shared_ptr<SocketOwners> owners_;
  const std::shared_ptr<NameHistory> names_ = NameHistory::Create();
  SessionMetrics* metrics_ = nullptr;
  mutable std::atomic<uint32_t> next_loop_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> draining_since_ns_{0};
  mutable std::atomic<uint64_t> calls_{0};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_ENVIRONMENT_H_
