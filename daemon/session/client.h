#ifndef WSPD_DAEMON_SESSION_CLIENT_H_
#define WSPD_DAEMON_SESSION_CLIENT_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/identity/process_key.h"
#include "daemon/journal/event_journal.h"
#include "daemon/linux/socket_owners.h"
#include "daemon/metrics/session_metrics.h"
#include "daemon/session/limits.h"
#include "daemon/session/name_history.h"
#include "proto/wsp/v1/admin.pb.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

class Attachment;

// One attached process: its startup count and what its attachments use
// together.
//
// Thread-safe. Lock order: Client, then Attachment, then sockets.
class Client {
 public:
  // What the attachments of a client use up; each is held to a limit. Any
  // thread, without a lock.
  struct Usage {
    std::atomic<uint32_t> sockets{0};
    std::atomic<uint32_t> calls{0};
    std::atomic<uint32_t> lookups{0};
    std::atomic<uint32_t> tickets{0};
    std::atomic<uint32_t> change_requests{0};
    std::atomic<uint64_t> queued_bytes{0};
    std::atomic<uint64_t> kept_bytes{0};
  };

  // `limits`: what it is held to, as they are at each time. `owner`: what
  // counts the sockets lent to the process and relayed for it; null if none
  // are. `events`: where its life is written down, `metrics`: where its ends
  // are timed, `names`: where what it looks up is kept; null: nowhere.
  Client(uint64_t id, ProcessKey key, Peer peer,
         std::shared_ptr<const LimitsInForce> limits,
         std::shared_ptr<SocketOwner> owner = nullptr,
         EventJournal* events = nullptr, SessionMetrics* metrics = nullptr,
         std::unique_ptr<ClientNames> names = nullptr);

  uint64_t id() const { return id_; }
  const ProcessKey& key() const { return key_; }
  const PeerIdentity& identity() const { return peer_.identity; }
  // Readable when the process has ended; negative if there is none.
  int pidfd() const { return peer_.pidfd.get(); }
  const SessionLimits& limits() const { return limits_->get(); }
  const std::shared_ptr<const LimitsInForce>& limits_in_force() const {
    return limits_;
  }
  // It is told of these, by a welcome. An honest client keeps to the most that
  // it was ever told, so that it isn't ended when limits are lower since.
  void Tell(const SessionLimits& limits);
  uint32_t told_calls() const { return told_calls_.load(); }
  // What it was told, or may have by a limit that is higher since.
  uint32_t most_calls() const {
    return std::max(told_calls(), limits().calls_per_client);
  }
  uint64_t told_queued_bytes() const { return told_queued_bytes_.load(); }
  Usage& usage() { return usage_; }

  // May be null.
  ClientNames* names() const { return names_.get(); }
  // May be null.
  const std::shared_ptr<SocketOwner>& owner() const { return owner_; }
  // The rates that the sockets of the client are held to; null: to none ever.
  std::shared_ptr<RateQuota> quota() const {
    return owner_ == nullptr ? nullptr : owner_->quota;
  }
  // Whether they are held to any at the moment. Then nothing is lent to it.
  bool has_rates() const {
    return owner_ != nullptr && RateQuota::InForce(owner_->quota) != nullptr;
  }
  // Counts one more socket of the client's; EMFILE at its limit, ENFILE at its
  // user's, else 0. Of a lent or relayed one the owner has the count.
  int CountSocket();
  void UncountSockets(uint32_t count);
  int CountOwnedSocket();
  // Lent and relayed ones, which may be older than the client, among them.
  uint32_t sockets() const;

  // What becomes of a call that is about to be counted: kRefused, it is above a
  // limit; kMisuse, it is above one that an honest client keeps to itself.
  enum class Verdict { kAllowed, kRefused, kMisuse };
  // Counts one more call, whatever it says. One that `gives_back` something,
  // which others of the user's may need, isn't refused for what those have, nor
  // for a limit that is lower than the client was told.
  Verdict CountCall(bool gives_back);
  void UncountCall();
  // Counts the payload of a send, unless it says kRefused: above its user's
  // limit, or its own if that is lower than it was told.
  Verdict CountQueued(uint64_t bytes);
  void UncountQueued(uint64_t bytes);

  // The process is no client any more.
  void LeaveSockets();

  // Whether its process's end is a death: it has a connection on which it would
  // say farewell before another end (proto/README.md, "Descriptors"), and
  // hasn't done so.
  void OweFarewell(bool owes) { owes_farewell_.store(owes); }
  bool owes_farewell() const { return owes_farewell_.load(); }

  // The count, without waiting for startups and cleanups under way.
  uint64_t startups() const {
    return startups_.load(std::memory_order_acquire);
  }

  // WSPStartup by `caller`, for its call `call_id`: counts up by one and by
  // what the process says it is owed from a daemon that is gone. Returns the
  // new count; 0 if something is owed although the process is registered, or if
  // the call was dropped by a final cleanup, for which this waits. 0 as well if
  // the caller is no attachment of this client any more.
  uint64_t Startup(Attachment* caller, uint64_t call_id, uint64_t owed);

  // WSPCleanup by `caller`, for its call `call_id`. Returns the new count, or
  // nothing if there was none (WSANOTINITIALISED). At 0 everything of all
  // attachments has ended when it returns, but for the call itself.
  bool Cleanup(Attachment* caller, uint64_t call_id, uint64_t* startups);

  // Ends the registration as the final cleanup does. All attachments are told
  // why.
  void EndRegistration(wsp::v1::RegistrationEnded::Reason reason);

  // False at the limit. Attachments that are finished and whose stream's end
  // just wasn't seen yet don't count.
  bool AddAttachment(std::shared_ptr<Attachment> attachment);
  // Retires it. Takes its startups off, whose cleanups can't come any more; if
  // these were the last, the registration ends.
  void RemoveAttachment(Attachment* attachment);
  std::vector<std::shared_ptr<Attachment>> attachments() const;

  // Gives back `bytes` of kept results. True if receives that these held back
  // may go on: ResumeReceives() is due, with no lock held.
  bool ReleaseKept(uint64_t bytes);
  // Goes on with receives that were held back for kept results.
  void ResumeReceives();

  // Writes down what happened to it. Any thread, with any lock.
  void Note(wsp::v1::JournalEvent::Kind kind,
            absl::string_view detail = "") const;

  // For listings.
  void Describe(wsp::v1::Client* out) const;
  // Those with numbers above `after` and up to `last`.
  void DescribeNames(uint64_t after, uint64_t last,
                     std::vector<wsp::v1::LookedUpName>* out) const;

 private:
  bool HasLocked(const Attachment* attachment) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sweeps, and times it.
  void EndLocked(wsp::v1::RegistrationEnded::Reason reason,
                 const Attachment* caller, uint64_t call_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SweepLocked(wsp::v1::RegistrationEnded::Reason reason,
                   const Attachment* caller, uint64_t call_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const uint64_t id_;
  const ProcessKey key_;
  const Peer peer_;
  const std::shared_ptr<const LimitsInForce> limits_;
  const absl::Time attached_at_;
  const std::shared_ptr<SocketOwner> owner_;
  // Null for one whose processes may have any number.
  SocketUser* const limited_user_;
  EventJournal* const events_;
  SessionMetrics* const metrics_;
  const std::unique_ptr<ClientNames> names_;
  Usage usage_;
  std::atomic<uint32_t> told_calls_{0};
  std::atomic<uint64_t> told_queued_bytes_{0};
  std::atomic<bool> owes_farewell_{false};
  // Written under mu_.
  std::atomic<uint64_t> startups_{0};
  mutable absl::Mutex mu_;
  std::vector<std::shared_ptr<Attachment>> attachments_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_CLIENT_H_
