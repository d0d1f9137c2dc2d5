#ifndef WSPD_CLIENT_STUB_PRELOAD_UNAWAITED_CONNECTS_H_
#define WSPD_CLIENT_STUB_PRELOAD_UNAWAITED_CONNECTS_H_

#include <cstddef>
#include <cstdint>

#include "client_stub/transport/server_frame.h"

namespace wsp {

// Which attempts to connect a session has told the daemon of without waiting
// for its answer, and what has come of them: a program whose attempts to
// connect to one address begin well, in quick succession, is told of the next
// one that it is under way, as it would be anyway, and needn't wait to hear so
// from the daemon. Allocates nothing; not thread-safe.
class UnawaitedConnects {
 public:
  // So many are remembered; of more, the oldest are forgotten.
  static constexpr size_t kMost = 64;
  // It is a succession from the third to one address on.
  static constexpr int kSuccession = 3;
  // Of which each comes so soon after the last one, in milliseconds.
  static constexpr int64_t kSoonMs = 50;

  enum class Outcome {
    // Of an attempt that isn't remembered: the daemon knows.
    kUnknown,
    // Nothing yet.
    kUnanswered,
    kConnected,
    // It hasn't ended, or has failed: the daemon knows.
    kNotConnected,
  };

  // The program wants to connect to `to`, at `now_ms` of a steady clock.
  // Whether it needn't wait.
  bool Want(const Address& to, int64_t now_ms);
  // One couldn't begin: the next ones wait, until several have begun well.
  void EndSuccession() { wanted_ = 0; }

  struct Socket {
    int fd = -1;
    // As the daemon knows it.
    uint64_t number = 0;
    // Of the descriptor, whose number may become another's.
    uint64_t cookie = 0;
  };
  // The call tells of an attempt of the relayed socket, whose earlier one is
  // forgotten.
  void Add(uint64_t call_id, const Socket& socket);
  void Forget(uint64_t number);
  // What has come of any call.
  void OnResult(uint64_t call_id, const Completion& result);

  const bool& all_answered() const { return all_answered_; }
  // Calls `visit(const Socket&)` for each that isn't answered.
  template <typename Visit>
  void VisitUnanswered(Visit visit) const {
    for (const Attempt& attempt : attempts_) {
      if (attempt.outcome == Outcome::kUnanswered) visit(attempt.socket);
    }
  }

  // Of the socket's attempt, which is forgotten if there was an answer.
  Outcome Take(uint64_t number);

 private:
  struct Attempt {
    // 0: none.
    uint64_t call_id = 0;
    Socket socket;
    Outcome outcome = Outcome::kUnknown;
  };

  void Drop(uint64_t number);
  void CountUnanswered();

  Address to_;
  // How many in succession; what is above the least that matters isn't counted.
  int wanted_ = 0;
  int64_t wanted_ms_ = 0;
  Attempt attempts_[kMost];
  size_t next_ = 0;
  bool all_answered_ = true;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_UNAWAITED_CONNECTS_H_
