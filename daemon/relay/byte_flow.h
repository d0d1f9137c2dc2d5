#ifndef WSPD_DAEMON_RELAY_BYTE_FLOW_H_
#define WSPD_DAEMON_RELAY_BYTE_FLOW_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace wspd {

// One direction of a relayed stream: takes bytes from one socket and gives them
// to another, in their order, urgent ones at their place. Neither socket is
// ever waited for. Has no memory but while bytes that were taken don't fit into
// the sink.
//
// Made for edges: who owns it says when the source may have something, and
// calls Run() then, and when the sink has room again. Not thread-safe.
//
// Where pieces end is chance, not the program's doing, and must not cost it
// what Nagle's algorithm does to small segments: each waits until the peer has
// acknowledged the one before, which it may put off for 40 ms. So TCP is told
// that more follows a piece that filled its buffer (MSG_MORE), and Push() has
// it send what it holds when nothing follows after all.
class ByteFlow {
 public:
  enum class Result {
    // The source has nothing at the moment.
    kIdle,
    // The sink is full.
    kBlocked,
    // The budget is used up.
    kMore,
    // The source has ended, and everything is the sink's.
    kEnd,
    // `*error` came from the source; all before it is the sink's.
    kSourceFailed,
    // `*error` came from the sink: what was under way is lost.
    kSinkFailed,
  };

  struct Buffer {
    char* data;
    size_t size;
  };

  // The source may have something; `urgent`: an urgent byte (EPOLLPRI), `ends`:
  // its end (EPOLLRDHUP and the like).
  void SetReady(bool urgent, bool ends);

  // Bytes that go to nobody, before anything else. `bytes` may be negative;
  // there are never less than none.
  void Skip(int64_t bytes);
  int64_t skips() const { return skips_; }
  // Drops everything from now on; Run() counts it as moved.
  void Discard();
  bool discards() const { return discards_; }
  // Forgets what was taken, and whether there is more.
  void Clear();

  // Moves at most about `*budget` bytes, which it takes off, along `buffer`,
  // and adds to `*moved`. Bytes that come in small pieces cost more than they
  // are.
  Result Run(int source, int sink, const Buffer& buffer, size_t* budget,
             uint64_t* moved, int* error);

  // When nothing follows for now, if the sink is TCP's: has it send what it
  // holds back, if that may be by where pieces ended, and not since the program
  // wrote little at a time. Its own TCP_CORK is respected.
  void Push(int sink);

  // Whether Run() may find something to do.
  bool ready() const { return ready_ || rest_ != nullptr; }
  // What the sink hasn't taken yet.
  size_t rest_bytes() const {
    return rest_ == nullptr ? 0 : rest_end_ - rest_begin_;
  }
  // The memory that it is in.
  size_t kept_bytes() const { return rest_ == nullptr ? 0 : rest_end_; }
  // Whether the sink is waited for.
  bool blocked() const { return rest_ != nullptr; }

 private:
  void CountGiven(size_t bytes, uint64_t* moved);
  // Gives on what is at hand, and keeps what doesn't fit. `flags` of send():
  // MSG_OOB or MSG_MORE.
  Result Give(int sink, const char* data, size_t size, int flags,
              uint64_t* moved, int* error);
  Result GiveRest(int sink, uint64_t* moved, int* error);
  // Gives on the urgent byte that the source is at. kIdle: it has none.
  Result MoveUrgent(int source, int sink, size_t* budget, uint64_t* moved,
                    int* error);
  // Nothing more to do at the moment if there is no ordinary byte.
  Result LookForOrdinary(int source, int* error);
  // One receive.
  Result MoveNext(int source, int sink, const Buffer& buffer,
                  bool* may_be_at_mark, size_t* budget, uint64_t* moved,
                  int* error);
  Result Move(int source, int sink, const Buffer& buffer, size_t* budget,
              uint64_t* moved, int* error);

  // What the sink hasn't taken yet; null: nothing.
  std::unique_ptr<char[]> rest_;
  uint32_t rest_begin_ = 0;
  uint32_t rest_end_ = 0;
  int64_t skips_ = 0;
  // Of send(), for the rest.
  int rest_flags_ = 0;
  // Sent lately, for which the sink may be looked at and pushed.
  uint32_t push_credit_ = 0;
  // The sink was told that more follows.
  bool unpushed_ = false;
  bool ready_ = false;
  // Has left off amid what there was word of.
  bool resumes_ = false;
  bool urgent_ = false;
  // There has been one: it looks before each receive where it is.
  bool had_urgent_ = false;
  bool ends_ = false;
  bool discards_ = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_BYTE_FLOW_H_
