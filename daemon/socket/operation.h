#ifndef WSPD_DAEMON_SOCKET_OPERATION_H_
#define WSPD_DAEMON_SOCKET_OPERATION_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/socket/bytes.h"
#include "daemon/socket/net_address.h"

namespace wspd {

class OperationSink;

// What a pending call asks of the kernel, in Linux's terms. A plain record:
// everything that is needed to go on with it later is in here.
struct Operation {
  enum class Kind : uint8_t {
    // Until all of `pieces` is the kernel's.
    kSend,
    // Until at least one byte, the end of the stream, or an error.
    kReceive,
    // One datagram: `pieces`, to `address`, or to the peer if that is empty.
    kSendDatagram,
    // One datagram, of at most `max_bytes`.
    kReceiveDatagram,
    kAccept,
    // Waits for a connection to accept, and leaves it there.
    kAwaitConnection,
    // Begins to connect to `address`. Becomes kAwaitConnect when it has begun
    // and takes its time; an outcome of EINPROGRESS as kConnect hasn't begun.
    kConnect,
    // Waits for the end of a connect that was begun before.
    kAwaitConnect,
    // Shuts down sending, after the sends before it.
    kShutdownSend,
  };
  enum class Direction : uint8_t { kIn, kOut };

  Kind kind;
  // The sink's own number for the operation.
  uint64_t id = 0;
  std::shared_ptr<OperationSink> sink;
  // Whether to wait when the kernel says EAGAIN; else that is the outcome, or
  // what was sent so far.
  bool wait = true;
  // Whether it waits for something that nobody called for, and isn't counted by
  // Socket::waiting().
  bool background = false;
  // Whether the sink is told, by OnParked, that the operation has to wait.
  bool report_parked = false;
  // Milliseconds from now until the outcome is EAGAIN, as SO_RCVTIMEO would
  // have it; 0: never.
  uint32_t timeout_ms = 0;
  // MSG_* of Linux for those that send and receive.
  int flags = 0;

  // Those that send: what is left to send. `owner` keeps the memory alive while
  // the operation waits.
  absl::InlinedVector<iovec, 4> pieces;
  std::shared_ptr<const void> owner;
  // The memory that `owner` keeps, in bytes. An operation that waits copies its
  // pieces rather than keep much more than they are.
  size_t owner_bytes = 0;
  // Those that send: how much is left, and how much the kernel took.
  size_t left = 0;
  size_t sent = 0;

  // kReceive: room, in bytes. 0 waits for something to read and takes nothing.
  // kReceiveDatagram: room; what a datagram has beyond it is lost.
  size_t max_bytes = 0;

  // kConnect, kSendDatagram.
  NetAddress address;

  // kSendDatagram: ancillary data as sendmsg() takes it; null: none.
  std::unique_ptr<std::string> control;
  // kReceiveDatagram: whether to bring the ancillary data that the socket's
  // options ask for.
  bool want_control = false;

  // The sink's own, carried along.
  uint64_t sink_value = 0;
  uint32_t sink_flags = 0;

  // kConnect: waits, for its client's quota, to begin.
  bool awaits_turn = false;

  // The engine's own.
  EventLoop::TimerId timer = 0;
  std::unique_ptr<Operation> next;

  bool is_urgent_receive() const {
    return kind == Kind::kReceive && (flags & MSG_OOB) != 0;
  }

  Direction direction() const {
    return kind == Kind::kReceive || kind == Kind::kReceiveDatagram ||
                   kind == Kind::kAccept || kind == Kind::kAwaitConnection
               ? Direction::kIn
               : Direction::kOut;
  }
};

// A connection that was accepted, and whose it is: getpeername() doesn't know
// that any more once the peer has reset it.
struct AcceptedConnection {
  OwnedFd fd;
  NetAddress peer;
};

// How an operation ended.
struct Outcome {
  // errno; 0: it did what it was to do. ECANCELED: Cancel() ended it.
  int error = 0;
  // kReceive: null at the end of a stream and when nothing was to be taken.
  // kReceiveDatagram: null for an empty one.
  std::shared_ptr<Bytes> data;
  // kReceive: how many bytes of the stream were received before `data`. Peeks
  // and urgent data don't count.
  uint64_t stream_offset = 0;
  // kReceive: the client has a descriptor of the socket, and can't receive with
  // that any more.
  bool recalled = false;
  // kAccept.
  AcceptedConnection accepted;
  // kAccept: it is one that Socket::ReturnAccepted() put back.
  bool returned = false;
  // kReceiveDatagram: who is at the other end.
  NetAddress peer;
  // kReceiveDatagram: MSG_TRUNC and the like, and ancillary data as recvmsg()
  // gives it, if it was wanted.
  int message_flags = 0;
  std::string control;
};

// Hears of the ends of operations. Called with no lock of the engine held, on
// whatever thread finished the operation, for a waiting one or within Submit().
class OperationSink {
 public:
  virtual ~OperationSink() = default;

  // `operation` has ended; it is the sink's now. Called exactly once for each,
  // except for those that Socket::Abandon() and Withdraw() give back.
  virtual void OnOutcome(std::unique_ptr<Operation> operation,
                         Outcome outcome) = 0;

  // Whether a receive may begin now; asked with the socket's lock held, so that
  // it must not lock anything. After a no, Socket::Poke() goes on with those
  // that wait; for the others the outcome is EAGAIN.
  virtual bool MayReceive() const = 0;

  // Whether a connection that an accept of this sink's has just taken may be
  // its client's; else it is reset, and the next one's turn comes. Asked with
  // the socket's lock held, as MayReceive().
  virtual bool MayAccept(const AcceptedConnection& /*connection*/) const {
    return true;
  }

  // Whether no operation may begin any more; asked with the socket's lock held,
  // as MayReceive(). To be so before Socket::Withdraw().
  virtual bool closed() const = 0;

  // The operation has to wait; its outcome comes later, perhaps before this
  // call on another thread.
  virtual void OnParked(uint64_t operation_id) = 0;

  // No more outcomes come in this go: a sink that gathers passes them on.
  virtual void Flush() = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_OPERATION_H_
