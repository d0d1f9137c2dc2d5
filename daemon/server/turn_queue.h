#ifndef WSPD_DAEMON_SERVER_TURN_QUEUE_H_
#define WSPD_DAEMON_SERVER_TURN_QUEUE_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "absl/container/node_hash_map.h"

namespace wspd {

// Shares out one thread that serves several clients.
//
// What waits for it is done in turns, one piece of work for each client,
// however much of it a client has, so that a client with many streams has no
// more of the thread than one with a single one.
//
// That alone would let a client that keeps the thread busy be in the way of
// each call of those that wait for an answer before they send the next one:
// however short its turns are, theirs begin in the middle of one, and what they
// lose so doesn't show in how much of the thread they have had. So clients that
// send ahead have turns only while they leave the others twice what these use,
// but for an eighth of the time in any case. Where all send ahead nobody
// pauses.
//
// Who sends ahead is whoever sends more at once than several turns do, or over
// many streams, or has most of the thread while others use it.
//
// For one thread.
template <typename Work>
class TurnQueue {
 public:
  using Clock = std::chrono::steady_clock;

  // Use is counted by windows of this length. What others have used a moment
  // ago is what they have in this one or had in the last. Completion queues
  // wait by the millisecond, and whoever has to pause does so for most of one
  // window.
  static constexpr std::chrono::microseconds kWindow{4000};
  // A client with so much work waiting, or with work that takes so many short
  // turns, is one that sends ahead.
  static constexpr size_t kManyWaiting = 4;
  static constexpr int kManyTurns = 4;

  // Adds work of a client, behind what it has already.
  void Add(uint64_t client, Work work) {
    Account& account = accounts_[client];
    account.waiting.push_back(work);
    if (account.waiting.size() >= kManyWaiting) SendsAhead(&account);
    if (account.waiting.size() == 1) Order(account).push_back(client);
  }

  bool empty() const { return order_[0].empty() && order_[1].empty(); }

  // Whether new work of a client has to be added, and can't be done at once:
  // others of its own wait, or it had the thread just now, or has had enough.
  bool HasToWait(uint64_t client, Clock::time_point now) {
    Roll(now);
    Account& account = accounts_[client];
    if (!account.waiting.empty()) return true;
    if (!OthersUse(account)) return false;
    if (account.look == look_) return true;
    account.look = look_;
    return account.ahead > 0 && Pause(now) > Clock::duration::zero();
  }

  // What had come was taken in: what comes from now on is something new.
  void OnLook() { ++look_; }

  // How long it is until somebody may have his turn; somebody waits.
  Clock::duration PauseBeforeTurn(Clock::time_point now) {
    return order_[kInStep].empty() ? Pause(now) : Clock::duration::zero();
  }

  // Takes the next one's; there is some and no pause.
  Work Take(Clock::time_point now) {
    const bool ahead_may =
        !order_[kAhead].empty() && Pause(now) == Clock::duration::zero();
    // By turns, where both may.
    last_ = ahead_may && (last_ == kInStep || order_[kInStep].empty())
                ? kAhead
                : kInStep;
    std::deque<uint64_t>& order = order_[last_];
    const uint64_t client = order.front();
    order.pop_front();
    Account& account = accounts_[client];
    const Work work = account.waiting.front();
    account.waiting.pop_front();
    if (!account.waiting.empty()) Order(account).push_back(client);
    return work;
  }

  // Whether others wait, or have used the thread a moment ago: turns are to be
  // short.
  bool IsContended(uint64_t client, Clock::time_point now) {
    Roll(now);
    return OthersUse(accounts_[client]);
  }

  // A short turn of a client's has ended before its piece of work, of which it
  // was the `turns`th. Whether the client has to pause now.
  bool OnUnfinished(uint64_t client, int turns, Clock::time_point now) {
    Roll(now);
    Account& account = accounts_[client];
    if (turns >= kManyTurns) SendsAhead(&account);
    return account.ahead > 0 && Pause(now) > Clock::duration::zero();
  }

  // The thread was used for a client from `begin` to `end`.
  void Charge(uint64_t client, Clock::time_point begin, Clock::time_point end) {
    Roll(end);
    Account& account = accounts_[client];
    const Clock::duration used = end - begin;
    const Kind kind = account.ahead > 0 ? kAhead : kInStep;
    account.used[kind][0] += used;
    used_[kind][0] += used;
    if (account.Used(0) > kWindow * 3 / 4 && OthersUse(account)) {
      SendsAhead(&account);
    }
  }

 private:
  // Clients that wait for the answers to what they send, and those that don't.
  enum Kind { kInStep = 0, kAhead = 1 };
  // What was used in this window and in the last.
  using Use = std::array<Clock::duration, 2>;

  struct Account {
    Clock::duration Used(size_t window) const {
      return used[kInStep][window] + used[kAhead][window];
    }

    std::deque<Work> waiting;
    // By what it was then.
    std::array<Use, 2> used{};
    // For how many windows it is one that sends ahead.
    int ahead = 0;
    // When it last had the thread at once.
    uint64_t look = 0;
  };

  std::deque<uint64_t>& Order(const Account& account) {
    return order_[account.ahead > 0 ? kAhead : kInStep];
  }

  void SendsAhead(Account* account) {
    // It was so before it was known, and is no other to itself.
    for (const size_t window : {0, 1}) {
      const Clock::duration used = std::exchange(account->used[kInStep][window],
                                                 Clock::duration::zero());
      account->used[kAhead][window] += used;
      used_[kInStep][window] -= used;
      used_[kAhead][window] += used;
    }
    account->ahead = 2;
  }

  bool OthersUse(const Account& account) const {
    if (order_[kInStep].size() + order_[kAhead].size() >
        (account.waiting.empty() ? 0 : 1)) {
      return true;
    }
    for (const size_t window : {0, 1}) {
      if (used_[kInStep][window] + used_[kAhead][window] >
          account.Used(window)) {
        return true;
      }
    }
    return false;
  }

  // How long clients that send ahead have to wait.
  Clock::duration Pause(Clock::time_point now) {
    Roll(now);
    const Clock::duration others =
        std::max(used_[kInStep][0], used_[kInStep][1]);
    const Clock::duration allowed =
        std::max<Clock::duration>(kWindow / 8, kWindow - 2 * others);
    if (used_[kAhead][0] < allowed) return Clock::duration::zero();
    return window_end_ - now;
  }

  // Begins another window when this one has ended. May end accounts.
  void Roll(Clock::time_point now) {
    if (now < window_end_) return;
    const bool next = now < window_end_ + kWindow;
    window_end_ = now + kWindow;
    const auto shift = [next](Use* use) {
      (*use)[1] = next ? (*use)[0] : Clock::duration::zero();
      (*use)[0] = Clock::duration::zero();
    };
    for (Use& use : used_) shift(&use);
    for (auto it = accounts_.begin(); it != accounts_.end();) {
      Account& account = it->second;
      const bool idle =
          account.waiting.empty() && account.Used(0) == Clock::duration::zero();
      for (Use& use : account.used) shift(&use);
      account.ahead = next ? std::max(account.ahead - 1, 0) : 0;
      if (idle) {
        accounts_.erase(it++);
      } else {
        ++it;
      }
    }
  }

  // By client; of those that have used the thread a moment ago, or wait.
  absl::node_hash_map<uint64_t, Account> accounts_;
  // Clients that wait, in the order of their turns, by kind.
  std::array<std::deque<uint64_t>, 2> order_;
  Kind last_ = kAhead;
  uint64_t look_ = 1;
  Clock::time_point window_end_{};
  // Of all clients, by kind.
  std::array<Use, 2> used_{};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVER_TURN_QUEUE_H_
