#ifndef WSPD_DAEMON_SOCKET_LINGERER_H_
#define WSPD_DAEMON_SOCKET_LINGERER_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/journal/event_journal.h"
#include "daemon/socket/net_address.h"
#include "proto/wsp/v1/types.pb.h"

namespace wspd {

// Goes on sending for sockets that their clients have closed.
//
// A plain close() of a connection with unread data, or one to which the peer
// still sends, answers with a reset, which can destroy what was sent but not
// yet read. So the sending side is shut down and what comes in is read and
// dropped until the peer ends its side too, or the time is over.
//
// Thread-safe.
class Lingerer {
 public:
  struct Options {
    absl::Duration linger_time = absl::Seconds(120);
    // Of one process and of one user; above, the oldest of these is closed at
    // once. At first: SetMost().
    size_t max_per_process = 4096;
    size_t max_per_uid = 16384;
    // Where it is written down that one is reset, outliving the lingerer; null:
    // nowhere.
    EventJournal* events = nullptr;
  };
  // Whose socket it was. The process may have ended since.
  struct Owner {
    uint64_t client_id = 0;
    pid_t pid = 0;
    uid_t uid = 0;
    uint64_t socket_id = 0;
    // SO_COOKIE if it was lent to its client; 0: it was not.
    uint64_t lent_cookie = 0;

    wsp::v1::Plane plane() const {
      return lent_cookie == 0 ? wsp::v1::PLANE_UNSPECIFIED
                              : wsp::v1::PLANE_LENT;
    }
  };
  // One lingering connection, for listings.
  struct Entry {
    Owner owner;
    NetAddress local;
    NetAddress peer;
  };

  explicit Lingerer(const Options& options)
      : options_(options),
        max_per_process_(options.max_per_process),
        max_per_uid_(options.max_per_uid) {}
  // Resets what is left. The loops that were used have to be alive.
  ~Lingerer();

  // From now on. Those that there are stay until each of the next ones takes
  // the place of one of them, as many as they are.
  void SetMost(size_t per_process, size_t per_uid);

  // Names a lingering connection; 0 one that has ended at once.
  using Key = uint64_t;

  // Something to be let go of when the socket is closed, not before.
  using Kept = std::shared_ptr<const void>;

  // Takes over a connected, non-blocking stream socket and returns at once.
  void Linger(OwnedFd fd, EventLoop* loop, const Owner& owner,
              Kept kept = nullptr);

  // The same for a socket with a linger time of its own (SO_LINGER on, time
  // above 0; at most linger_time counts): `done` is called when the peer has
  // acknowledged all, whether or not it has ended its side, or when the
  // connection is lost, or was reset because the time was over. May be called
  // before this returns.
  Key LingerAtMost(OwnedFd fd, EventLoop* loop, const Owner& owner,
                   absl::Duration time, std::function<void()> done,
                   Kept kept = nullptr);

  // Nobody waits any more: the connection lingers as before, and its `done` is
  // not called. False if it has been or is being called.
  bool StopWaiting(Key key);

  absl::Duration linger_time() const { return options_.linger_time; }

  size_t size() const;
  // All but those that somebody waits for, whose sockets are still listed
  // elsewhere.
  std::vector<Entry> List() const;

  // Calls `callback` once when nothing lingers, perhaps at once.
  void WhenEmpty(std::function<void()> callback);

  // Resets those that were a client's socket of that number; false if there are
  // none.
  bool Reset(uint64_t client_id, uint64_t socket_id);

  // Resets all that is left.
  void ResetAll();

 private:
  class Connection;

  Key Start(OwnedFd fd, EventLoop* loop, const Owner& owner,
            absl::Duration time, bool reset_when_over,
            std::function<void()> done, Kept kept);
  // The connection came to its end.
  void Remove(Key key);
  // What has to go so that `owner` may have one more; null if nothing.
  std::shared_ptr<Connection> SurplusLocked(const Owner& owner)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  mutable absl::Mutex mu_;
  size_t max_per_process_ ABSL_GUARDED_BY(mu_);
  size_t max_per_uid_ ABSL_GUARDED_BY(mu_);
  Key next_key_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<Key, std::shared_ptr<Connection>> connections_ ABSL_GUARDED_BY(mu_);
  // Oldest first. A process keeps its number for longer than its client's,
  // which ends with every final cleanup.
  std::map<pid_t, std::set<Key>> per_process_ ABSL_GUARDED_BY(mu_);
  std::map<uid_t, std::set<Key>> per_uid_ ABSL_GUARDED_BY(mu_);
  std::function<void()> when_empty_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_LINGERER_H_
