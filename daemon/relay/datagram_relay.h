#ifndef WSPD_DAEMON_RELAY_DATAGRAM_RELAY_H_
#define WSPD_DAEMON_RELAY_DATAGRAM_RELAY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "daemon/policy/client_access.h"
#include "daemon/relay/datagram_backlog.h"
#include "daemon/relay/datagram_batch.h"
#include "daemon/socket/net_address.h"
#include "proto/wsp/v1/linux.pb.h"

namespace wspd {

struct DatagramMessage;

// Moves datagrams between a real socket and the daemon's end of a relayed one's
// pair (proto/relay_wire.h), and does with the real socket what the program
// asks of it by calls.
//
// The real socket isn't read while the program's end is full: what comes then
// the kernel drops, as it does for a program that doesn't read. What the
// program has sent is kept while the real socket is full.
//
// Both descriptors are watched edge-triggered for reading, and for writing
// while that is awaited. Nothing here waits. Not thread-safe: whoever has it
// has a lock for it, and the descriptors, which outlive it.
class DatagramRelay {
 public:
  // Bytes each way before others have their turn.
  static constexpr size_t kTurnBytes = 256 << 10;

  // What has been moved.
  struct Counts {
    // Payload that the real socket took, and that was given to the program's
    // end.
    uint64_t bytes_sent = 0;
    uint64_t bytes_received = 0;
    // And in how many datagrams.
    uint64_t sent = 0;
    uint64_t received = 0;
    // And more by which the network has them, those that went in segments by
    // what the program says with them (UDP_SEGMENT).
    uint64_t more_segments = 0;
    // Datagrams that went neither way: malformed ones, those that the kernel
    // refused, those that found no room.
    uint64_t dropped = 0;
    // Of these, those that came from the real socket.
    uint64_t dropped_received = 0;
    // Of the last one, for the log.
    const char* drop_cause = nullptr;
    int drop_error = 0;
  };

  // `user_bytes`: see DatagramBacklog. `access`: what the program may do by the
  // socket.
  DatagramRelay(int real, int end, std::atomic<size_t>* user_bytes,
                const SocketAccess& access = {*ClientAccess::Unrestricted(),
                                              {}})
      : real_(real),
        end_(end),
        access_(access),
        up_(user_bytes),
        down_(user_bytes) {}

  // What Run() may move: down to the real socket, up to the program's end.
  struct Allowance {
    bool down = true;
    bool up = true;
    // At about this many bytes each way it leaves off.
    size_t turn_bytes = kTurnBytes;
  };

  // Moves what there is and it may. The events are EPOLL*, 0 for none.
  void Run(uint32_t real_events, uint32_t end_events) {
    Run(real_events, end_events, Allowance());
  }
  void Run(uint32_t real_events, uint32_t end_events,
           const Allowance& allowance);

  // After anything else:

  // The program's end is closed, and what it has sent is sent.
  bool ended() const { return closed_ && !end_ready_ && down_.empty(); }
  bool closed() const { return closed_; }
  // There is more to move, after the turn of others.
  bool has_more() const {
    return (can_move_down() && allowance_.down) ||
           (can_move_up() && allowance_.up);
  }
  // The same that the last Run() mustn't move.
  bool is_held_down() const { return can_move_down() && !allowance_.down; }
  bool is_held_up() const { return can_move_up() && !allowance_.up; }
  // EPOLLOUT is awaited of the real socket, and of the program's end.
  bool awaits_real() const { return real_full_; }
  bool awaits_end() const { return end_full_ || error_ != 0; }
  // What was counted since it was asked last.
  Counts TakeCounts();

  // Moves what the program has sent before, so that what changes for datagrams
  // that are sent later doesn't change for these. Each call below begins so.
  void Flush();

  // As the kernel's calls; they return errno. An empty address is AF_UNSPEC.
  int Connect(const NetAddress& address);
  int Shutdown(int how);
  // Takes the peer away, and tells the program of ECONNABORTED.
  int Abort();
  // As a LinuxSend; EAGAIN: the real socket is full.
  int Send(const wsp::v1::LinuxSend& request, uint32_t* sent);
  // As SO_ERROR.
  int TakeError();
  // As a LinuxReceiveError.
  int ReceiveError(const wsp::v1::LinuxReceiveError& request,
                   wsp::v1::LinuxReceiveErrorResult* result) const;

 private:
  bool can_move_down() const { return end_ready_ && !real_full_; }
  bool can_move_up() const { return real_ready_ && !awaits_end(); }

  // Datagrams of one batch, as they go to the real socket.
  struct Outgoing;

  // What was taken off the program's end, and what of a turn that uses up.
  struct Taken {
    size_t bytes = 0;
    size_t cost = 0;
  };

  // To the real socket: until as many bytes are taken, or a turn of that cost
  // is over.
  void MoveDown(size_t most_bytes, size_t most_cost);
  // Each moves some.
  Taken MoveBatchDown();
  Taken MoveOneDown();
  // Whether the program has shut down its sending, or closed its end.
  bool IsAtEnd() const;
  // Reads a message that is in `batch`. False: it was dropped, for what it says
  // or where it was to go.
  bool Read(DatagramBatch* batch, int slot, Outgoing* outgoing);
  // Whether the rules have it go, there and from where it says.
  bool MaySend(const DatagramMessage& datagram) const;
  void SendDown(Outgoing* outgoing);
  // One went.
  void CountDown(const msghdr& message, uint64_t bytes);
  // Sends one; errno, 0 if it needn't be kept any more. `error_before` is of a
  // try before, 0 for none.
  int SendOne(const msghdr& message, int flags, int error_before);
  void SendDownBacklog();
  void NoteFull();
  // The program has sent descriptors along: hundreds with each datagram,
  // perhaps, which take longer than datagrams do. What that costs: the turn,
  // and whatever else it was received for.
  size_t NoteDescriptors();

  // To the program's end. False: it is full.
  bool SendUpBacklog();
  bool SendUpError();
  bool MayTakeUp() const;
  void MoveUp(size_t most_bytes);
  void SendUp(DatagramBatch* batch, int count);

  void Drop(const char* cause, int error);

  const int real_;
  const int end_;
  const SocketAccess access_;
  Counts counts_;
  // Of the last Run().
  Allowance allowance_;
  // Something may be there to be read.
  bool real_ready_ = false;
  bool end_ready_ = false;
  bool closed_ = false;
  // Had no room for the last datagram.
  bool real_full_ = false;
  bool end_full_ = false;
  // Datagrams that go down one by one, each taken when it is sent, since the
  // real socket was full before.
  int one_by_one_ = 0;
  // For good.
  bool has_descriptors_ = false;
  // errno of an error that came between the datagrams, and that the program is
  // still to be told of; the newest, 0: none.
  int error_ = 0;
  DatagramBacklog up_;
  DatagramBacklog down_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_DATAGRAM_RELAY_H_
