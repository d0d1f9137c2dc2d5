#ifndef WSPD_DAEMON_SERVER_TURN_QUEUE_H_
#define WSPD_DAEMON_SERVER_TURN_QUEUE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"

namespace wspd {

// What waits to be worked on by one thread that serves several clients. They
// take turns, one piece of work each, however much of it a client has, so that
// a client with many streams has no more of the thread than one with a single
// one. Knows, too, whether a client has the thread for itself.
//
// For one thread.
template <typename Work>
class TurnQueue {
 public:
  using Clock = std::chrono::steady_clock;

  // For so long after another client's work a client isn't alone.
  static constexpr std::chrono::milliseconds kRemembered{5};

  // Adds work of a client, behind what it has already.
  void Add(uint64_t client, Work work) {
    std::deque<Work>& own = waiting_[client];
    if (own.empty()) order_.push_back(client);
    own.push_back(work);
  }

  bool empty() const { return order_.empty(); }
  bool HasWorkOf(uint64_t client) const {
    return waiting_.find(client) != waiting_.end();
  }

  // Takes the next one's; there is some.
  Work Take() {
    const uint64_t client = order_.front();
    order_.pop_front();
    auto found = waiting_.find(client);
    const Work work = found->second.front();
    found->second.pop_front();
    if (found->second.empty()) {
      waiting_.erase(found);
    } else {
      order_.push_back(client);
    }
    return work;
  }

  // A client's work is about to be done. Whether others wait, or were there a
  // moment ago.
  bool BeginTurn(uint64_t client, Clock::time_point now) {
    if (client != last_client_) {
      other_at_ = last_at_;
      last_client_ = client;
    }
    last_at_ = now;
    const size_t own = waiting_.count(client);
    return waiting_.size() > own || now - other_at_ < kRemembered;
  }

 private:
  // Clients that wait, in the order of their turns.
  std::deque<uint64_t> order_;
  absl::flat_hash_map<uint64_t, std::deque<Work>> waiting_;
  uint64_t last_client_ = 0;
  Clock::time_point last_at_;
  // When a client other than the last one had its last turn.
  Clock::time_point other_at_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVER_TURN_QUEUE_H_
