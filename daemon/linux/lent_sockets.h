#ifndef WSPD_DAEMON_LINUX_LENT_SOCKETS_H_
#define WSPD_DAEMON_LINUX_LENT_SOCKETS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/event/event_loop.h"
#include "daemon/journal/event_journal.h"
#include "daemon/linux/accepted_counts.h"
#include "daemon/linux/lent_socket.h"
#include "daemon/linux/socket_ends.h"
#include "daemon/linux/socket_owners.h"
#include "daemon/socket/forced_end.h"

namespace wspd {

// The real sockets that clients have descriptors of. An entry ends when the
// kernel says that the socket has: after the last close of whoever has it, and
// the last byte that was still to be sent.
//
// The kernel tells of the ends of TCP and UDP. Of others, and when it had too
// much to tell, the daemon looks what lives.
//
// Thread-safe; no other lock but the loop's is taken under this one's.
class LentSockets : public SocketEndObserver,
                    public std::enable_shared_from_this<LentSockets> {
 public:
  struct Options {
    // How long the kernel is listened to when nothing is lent any more: each
    // socket of the system that ends costs a message meanwhile.
    absl::Duration idle_time = absl::Seconds(10);
    // How often it is looked what lives, where the kernel doesn't tell; and how
    // soon again where it had too much to tell.
    absl::Duration check_time = absl::Seconds(10);
    absl::Duration lost_time = absl::Seconds(1);
    // How often at most it is looked who listens, as long as connections end
    // that may have been a lent listener's.
    absl::Duration settle_time = absl::Seconds(1);
    // Whether End() may be called: it needs CAP_NET_ADMIN.
    bool resets = false;
    // Where the sockets' lives are written down, as far as they are known here,
    // outliving them; null: nowhere.
    EventJournal* events = nullptr;
  };

  // `loop`, which reads what the kernel says, outlives the table.
  static std::shared_ptr<LentSockets> Create(const Options& options,
                                             EventLoop* loop);
  ~LentSockets() override;

  // Enters a socket, marked by MarkSocket(), before anybody else has a
  // descriptor of it. Its owner has counted it already; the entry's end takes
  // one off.
  void Add(const LentSocket& socket);
  // Ends an entry whose socket was lent to nobody.
  void Forget(uint64_t cookie);

  // Looks soon what lives: somebody is at a limit.
  void CheckSoon();

  // Has the kernel reset a socket, whoever has it (DestroySocket()): one that
  // is entered here, or a connection that such a listener has accepted. Errors
  // are for the administrator: besides DestroySocket()'s FAILED_PRECONDITION
  // where the configuration doesn't allow it. What the socket was used for ends
  // so; its entry when it is closed. `how`: as what it is written down;
  // kOrderly doesn't end what has become a connection.
  absl::Status End(ForcedEnd how, int family, int protocol, uint64_t cookie);

  // In no order.
  std::vector<LentSocket> List() const;
  size_t size() const;

  // Of sockets that have ended, where the kernel counts; of connections that
  // lent listeners have accepted, too.
  uint64_t bytes_sent() const {
    return bytes_sent_.load(std::memory_order_relaxed);
  }
  uint64_t bytes_received() const {
    return bytes_received_.load(std::memory_order_relaxed);
  }

  // SocketEndObserver.
  void OnSocketEnded(const SocketReport& report) override;
  void OnEndsLost() override;

 private:
  LentSockets(const Options& options, EventLoop* loop)
      : options_(options),
        loop_(loop),
        accepted_(options.settle_time, [this](const LentSocket& listener,
                                              const SocketReport& ended) {
          NoteAcceptedEnd(listener, ended);
        }) {}

  void CountBytes(const SocketReport& report);
  // Counts connections that were accepted and have ended.
  void SettleAccepted();
  // Takes an entry out. False if there is none.
  bool Take(uint64_t cookie, LentSocket* socket);
  static void LogEnd(const LentSocket& socket, const SocketReport* report);
  // Writes down what has happened to a socket, of which the kernel has said
  // `report`, null for nothing.
  void Note(wsp::v1::JournalEvent::Kind kind, const LentSocket& socket,
            const SocketReport* report = nullptr) const;
  // The same of the end of a connection that a listener had accepted: all of
  // its life, since nothing was known before.
  void NoteAcceptedEnd(const LentSocket& listener,
                       const SocketReport& ended) const;
  // The same of its end, for one that was taken out.
  void NoteEnd(const LentSocket& socket, const SocketReport* report) const;
  void ListenLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether there are entries whose end nobody tells of.
  bool NeedsChecksLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sees to it that a check comes within `delay`.
  void ScheduleCheckLocked(absl::Duration delay)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnCheckTime(uint64_t round);
  // Ends the entries whose sockets don't live any more.
  void Check();
  void StopWhenIdle();

  const Options options_;
  EventLoop* const loop_;
  std::atomic<uint64_t> bytes_sent_{0};
  std::atomic<uint64_t> bytes_received_{0};
  // The loop's thread's own.
  AcceptedCounts accepted_;
  mutable absl::Mutex mu_;
  // By cookie.
  absl::flat_hash_map<uint64_t, LentSocket> sockets_ ABSL_GUARDED_BY(mu_);
  // Entries of protocols whose ends the kernel doesn't tell.
  size_t untold_ ABSL_GUARDED_BY(mu_) = 0;
  // Null: nothing is lent, or the kernel can't be listened to.
  std::shared_ptr<SocketEnds> ends_ ABSL_GUARDED_BY(mu_);
  bool idle_timer_ ABSL_GUARDED_BY(mu_) = false;
  EventLoop::TimerId check_timer_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time check_due_ ABSL_GUARDED_BY(mu_);
  // Of the timer that counts: an older one may have fired already.
  uint64_t check_round_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_LENT_SOCKETS_H_
