#ifndef WSPD_CLIENT_STUB_PRELOAD_SOCKETS_AHEAD_H_
#define WSPD_CLIENT_STUB_PRELOAD_SOCKETS_AHEAD_H_

#include <cstddef>
#include <cstdint>

#include "client_stub/transport/linux_requests.h"
#include "client_stub/transport/server_frame.h"

namespace wsp {

// Which sockets a session has asked the daemon for before the program wants
// them, and when it should: a program that makes several of one kind in quick
// succession will want more, and needn't wait for those. A list of calls; what
// they bring is the session's to take. Allocates nothing; not thread-safe.
class SocketsAhead {
 public:
  // So many are asked for at most: while the program uses some, the daemon
  // makes the next ones, several at a time, for each time it is woken costs
  // more than a socket.
  static constexpr size_t kMost = 8;
  // It is a succession from the third socket of one kind on.
  static constexpr int kSuccession = 3;
  // Of which each is wanted so soon after the last one, in milliseconds.
  static constexpr int64_t kSoonMs = 50;
  // Those that weren't wanted for so long aren't kept, where there is an
  // opportunity to say so; in milliseconds.
  static constexpr int64_t kKeptMs = 1000;

  // One that was asked for.
  struct Asked {
    uint64_t call_id = 0;
    // Whether its result is there.
    bool answered = false;
    // Whether that is a socket, and then its number, if it is relayed.
    bool succeeded = false;
    uint64_t number = 0;
  };

  // The program wants a socket of this kind, at `now_ms` of a steady clock.
  // False: those here are of another kind, and have to be taken off first.
  bool Want(const LinuxSocketParams& kind, int64_t now_ms);
  // How many more should be asked for at once, of the kind that was wanted
  // last: none before half of them are used. The longer the succession, the
  // more.
  size_t CountDue(int64_t now_ms) const;
  const LinuxSocketParams& kind() const { return kind_; }
  // A call asks for it, after all those that are here.
  void Add(uint64_t call_id);
  // What has come of any call. Whether it was one of these.
  bool OnResult(uint64_t call_id, const Completion& result);

  bool empty() const { return size_ == 0; }
  // Which is the one to take next; there is one. Stays in place until then.
  const Asked& oldest() const { return asked_[first_]; }
  Asked TakeOldest();
  // The succession is at its end: none is due until the next one.
  void EndSuccession() { wanted_ = 0; }
  bool IsStale(int64_t now_ms) const {
    return size_ > 0 && now_ms - wanted_ms_ > kKeptMs;
  }

 private:
  LinuxSocketParams kind_;
  // How many in succession; what is above the most that matters isn't counted.
  int wanted_ = 0;
  int64_t wanted_ms_ = 0;
  Asked asked_[kMost];
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_SOCKETS_AHEAD_H_
