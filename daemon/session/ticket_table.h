#ifndef WSPD_DAEMON_SESSION_TICKET_TABLE_H_
#define WSPD_DAEMON_SESSION_TICKET_TABLE_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/event/event_loop.h"
#include "daemon/identity/named_process.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/identity/process_key.h"
#include "daemon/socket/lingerer.h"
#include "daemon/winsock/winsock_socket.h"

namespace wspd {

// The tickets of WSPDuplicateSocket that nobody has claimed yet (reference,
// section 4.11). A ticket is a random number that means something to one
// process only, once, and for a limited time. Until then it keeps its socket
// alive, like a descriptor.
//
// Thread-safe. A ticket that ends unclaimed lets go of its socket with no lock
// held.
class TicketTable : public std::enable_shared_from_this<TicketTable> {
 public:
  struct Ticket {
    // With a hold, which is the ticket's (WinsockSocket::AddHold).
    std::shared_ptr<WinsockSocket> socket;
    // Who may claim it, and whose that process has to be.
    NamedProcess target;
    uid_t uid = 0;
    // Where it came from; only compared.
    const void* issuer = nullptr;
    // Whose the socket is, if it ends with the ticket.
    Lingerer::Owner owner;
    // The issuer's count of tickets; this one is counted.
    std::shared_ptr<std::atomic<uint32_t>> count;
  };

  // An unclaimed ticket ends after `time`. `loop` has to outlive the table.
  static std::shared_ptr<TicketTable> Create(EventLoop* loop,
                                             absl::Duration time);
  ~TicketTable();

  // Returns the ticket's number, never 0.
  uint32_t Issue(Ticket ticket);

  // Takes the ticket if it is there and `peer`, whose key is `key`, may have
  // it. Nobody else can until the claim comes to an end, one way or the other.
  bool Take(uint32_t number, const PeerIdentity& peer, const ProcessKey& key,
            Ticket* ticket);
  // The peer has a descriptor of the socket: the ticket is used up.
  void Use(uint32_t number, const Ticket& ticket);
  // The peer couldn't have one. The ticket is there again, unless it came to
  // its end meanwhile.
  void PutBack(uint32_t number, const Ticket& ticket);

  // The ticket is of no use to anybody; ignored if it isn't there.
  void Revoke(uint32_t number);

  // The registration of the issuer has ended. Sockets that nobody else keeps
  // are reset.
  void RevokeOf(const void* issuer);

  size_t size() const;

 private:
  struct Entry {
    Ticket ticket;
    EventLoop::TimerId timer = 0;
    // The hold and the count are with whoever took it.
    bool taken = false;
  };

  TicketTable(EventLoop* loop, absl::Duration time)
      : loop_(loop), time_(time) {}

  // A number that is free.
  uint32_t NewNumberLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes an entry off the books; false if it isn't there.
  bool RemoveLocked(uint32_t number, Entry* removed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void LetGo(const Ticket& ticket, WinsockSocket::HoldEnd end);

  EventLoop* const loop_;
  const absl::Duration time_;
  mutable absl::Mutex mu_;
  absl::flat_hash_map<uint32_t, Entry> tickets_ ABSL_GUARDED_BY(mu_);
  std::set<std::pair<const void*, uint32_t>> by_issuer_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_TICKET_TABLE_H_
