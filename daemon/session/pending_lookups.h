#ifndef WSPD_DAEMON_SESSION_PENDING_LOOKUPS_H_
#define WSPD_DAEMON_SESSION_PENDING_LOOKUPS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "daemon/policy/client_access.h"
#include "daemon/resolver/lookup.h"
#include "daemon/resolver/resolver.h"
#include "daemon/session/limits.h"
#include "daemon/session/name_history.h"
#include "daemon/winsock/call.h"

namespace wspd {

// The lookups of an attachment that are under way, by their calls.
//
// Thread-safe. Its lock may be taken with the attachment's held, and comes
// before the resolver's.
class PendingLookups {
 public:
  // `in_use` counts the lookups of all of the client's attachments, which may
  // be as many as `limits` say. `access` says what may be looked up, and is
  // told what was found; so is `names`, also what wasn't, unless it is null; it
  // outlives this. A null `resolver` supports no lookups.
  PendingLookups(Resolver* resolver, std::atomic<uint32_t>* in_use,
                 std::shared_ptr<const LimitsInForce> limits,
                 std::shared_ptr<const ClientAccess> access, ClientNames* names)
      : resolver_(resolver),
        in_use_(in_use),
        limits_(std::move(limits)),
        access_(std::move(access)),
        names_(names) {}
  ~PendingLookups() { CancelAll(); }

  PendingLookups(const PendingLookups&) = delete;
  PendingLookups& operator=(const PendingLookups&) = delete;

  // Begins the lookup of a LookupRequest. `sink`, which owns this, gets the
  // result, at once or later on the resolver's thread, unless it is gone by
  // then or the lookup was cancelled.
  void Start(const Call& call, const std::shared_ptr<CallSink>& sink);

  // Ends a call's lookup, whose result is now the caller's to give. False if
  // the call has none under way.
  bool Cancel(uint64_t call_id);
  void CancelAll();

 private:
  // False if it was cancelled.
  bool Remove(uint64_t call_id);
  // What became of a lookup of `name`, of `family`; 0: it was found.
  void NoteEnd(const std::string& name, int family, uint32_t wsa_error,
               const LookupAnswer& answer) const;
  // 0, or a Winsock code if it can't begin.
  uint32_t TryStart(const Call& call, const std::shared_ptr<CallSink>& sink);

  Resolver* const resolver_;
  std::atomic<uint32_t>* const in_use_;
  const std::shared_ptr<const LimitsInForce> limits_;
  const std::shared_ptr<const ClientAccess> access_;
  ClientNames* const names_;
  absl::Mutex mu_;
  absl::flat_hash_map<uint64_t, Resolver::LookupId> lookups_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_PENDING_LOOKUPS_H_
