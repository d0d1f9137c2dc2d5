#ifndef WSPD_DAEMON_SESSION_DEPARTURES_H_
#define WSPD_DAEMON_SESSION_DEPARTURES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "daemon/event/event_loop.h"
#include "daemon/identity/process_key.h"
#include "daemon/session/client.h"

namespace wspd {

// Clients that are attached no more and haven't said the farewell that they
// owe: have their processes died, or do they live on? A process's connections
// end a little before the kernel says that it has ended itself.
//
// Everything is the loop's thread's but EndAll(), which is any other's.
class Departures {
 public:
  // Called once for each client. Not `died`: its process lives, as far as is
  // known.
  using OnTold = std::function<void(const Client& client, bool died)>;

  // Waits for an end for so long. The loop outlives this.
  Departures(EventLoop* loop, absl::Duration patience, OnTold on_told);
  // EndAll() was called, and nothing added since.
  ~Departures() = default;

  Departures(const Departures&) = delete;
  Departures& operator=(const Departures&) = delete;

  void Add(std::shared_ptr<Client> client);

  // The process is a client again: it lives.
  void TellOfReturn(const ProcessKey& process);

  // Tells of all that are left.
  void EndAll();

 private:
  class ProcessWatch;
  struct Departure {
    std::shared_ptr<Client> client;
    EventLoop::WatchId watch;
    EventLoop::TimerId timer;
  };
  // Each keeps a descriptor open. Where there are more, of the user's that has
  // the most of them the oldest is told of at once, by what is known.
  static constexpr size_t kMost = 256;

  uint64_t OldestOfBusiestUser() const;
  // By what is known then.
  void Tell(uint64_t id);
  Departure Take(uint64_t id);

  EventLoop* const loop_;
  const absl::Duration patience_;
  const OnTold on_told_;
  uint64_t last_id_ = 0;
  // The oldest first.
  absl::btree_map<uint64_t, Departure> departures_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_DEPARTURES_H_
