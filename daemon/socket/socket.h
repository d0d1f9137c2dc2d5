#ifndef WSPD_DAEMON_SOCKET_SOCKET_H_
#define WSPD_DAEMON_SOCKET_SOCKET_H_

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/quota/rate_quota.h"
#include "daemon/socket/operation.h"
#include "daemon/socket/socket_observer.h"
#include "daemon/socket/urgent_bytes.h"

namespace wspd {

// One kernel socket with the operations that wait on it, in Linux's terms:
// errno, Linux flags and options. Whose rules apply is the caller's affair.
//
// An operation is tried on the submitting thread and runs to completion there;
// only EAGAIN makes it wait, in a queue per direction, until the event loop
// finds the socket ready. Operations of one direction are begun and finished in
// the order of their submission.
//
// Thread-safe. Sinks are called with no lock held.
class Socket : public EventHandler,
               public std::enable_shared_from_this<Socket> {
 public:
  // Takes a non-blocking, close-on-exec socket. `loop` has to outlive it.
  // `quota`: what it sends and receives is held to, and the connections that it
  // begins and accepts; what is more waits. Null: to nothing.
  static std::shared_ptr<Socket> Adopt(
      OwnedFd fd, EventLoop* loop, std::shared_ptr<RateQuota> quota = nullptr);

  ~Socket() override;

  // Begins `operation`; its sink may be called before this returns. On a closed
  // socket, and for a closed sink, the outcome is EBADF.
  void Submit(std::unique_ptr<Operation> operation);

  // Ends the waiting operation `id` of `sink` with `error`; false if there is
  // none, because it has ended or is ending.
  bool Cancel(const OperationSink* sink, uint64_t id, int error);

  // Shuts down sending once the sends that wait are done. Returns errno or 0; a
  // late shutdown's own error is lost with the connection.
  int ShutdownSend();

  // Resets the connection, whatever waits to be sent, and keeps the descriptor:
  // the operations that wait end with errors. Returns errno or 0.
  int Reset();

  // The same for any state, as an administrator wants it: a listener listens no
  // more, datagrams have no peer, and all operations that wait end with
  // ECONNABORTED.
  int Abort();

  // A connection, in order: what waits to be sent is sent, then sending is shut
  // down; all else that waits is given back, for Fail() with ECONNABORTED once
  // no lock is held. A client that has a descriptor of it, too, finds its end
  // by that. What the peer sends is taken and dropped, at the quota's rate, so
  // that it comes to read the end; for `time` at most, after which it is
  // answered by a reset. `*error` is an errno or 0.
  std::vector<std::unique_ptr<Operation>> Conclude(absl::Duration time,
                                                   int* error);

  // Ends operations that were given back.
  static void Fail(std::vector<std::unique_ptr<Operation>> operations,
                   int error);

  // Puts an accepted connection back: the next accept, perhaps one that waits,
  // gets it before any newer one. On a closed socket it is reset, as are those
  // that nobody has accepted when the socket is closed.
  void ReturnAccepted(AcceptedConnection connection);

  // Goes on with receives that their sink held back.
  void Poke();

  // ---- for those who watch the socket beside its operations

  // From now on `observer` is called when one of `events` (EPOLLIN, EPOLLOUT,
  // EPOLLPRI, EPOLLRDHUP) has come anew, and when the socket is closed; also
  // when it hangs up or fails, and in between without reason. Changes what an
  // observer asked for before; 0 takes it off. What is the case already, it
  // finds by Look() afterwards. Ignored on a closed socket.
  //
  // Nobody pays for a socket without observers, and many that nothing happens
  // on cost nothing when something does on another.
  void SetObserver(const std::shared_ptr<SocketObserver>& observer,
                   uint32_t events);

  // Calls all observers, for changes that the kernel has no part in.
  void NotifyObservers();

  // What would have to wait for the quota isn't ready; observers that ask for
  // it are called when it is.
  SocketState Look();

  // ---- for connections

  // Whether a byte of urgent data waits for a receive with MSG_OOB. Such a
  // receive doesn't wait, nor behind others: without an urgent byte, and with
  // SO_OOBINLINE, the outcome is EINVAL.
  bool UrgentWaits();

  // How many urgent bytes have come so far, of those that the kernel hasn't
  // forgotten: it has room for one, so that each is taken off its hands here.
  // With SO_OOBINLINE there are none.
  uint64_t CountUrgent();

  // Stores how many bytes of the stream there are to be received, urgent ones
  // not counted unless they come in line; also behind an urgent one. Returns
  // errno.
  int CountUnread(uint64_t* bytes);

  // Whether data waits to be received, and if there is none the errno by which
  // the connection was lost; 0 for an orderly end, and while it goes on. An
  // error that the kernel tells here, receives are told, too.
  int PeekForEnd(bool* unread);

  // Whether the reader has not come to the urgent byte yet: the byte waits, or
  // with SO_OOBINLINE lies further on in the stream.
  bool UrgentIsAhead();

  // ---- for sockets that the client has a descriptor of, too

  // A descriptor of the same socket for the client, which may receive and send
  // by itself from now on. Until it is known that it doesn't receive any more,
  // urgent bytes are left where they are. Invalid on failure, with errno.
  OwnedFd Lend();
  // The client receives by itself no longer.
  void Recall();
  // The kernel has told the client of `error`, and won't tell it here. What it
  // is called here.
  int NoteError(int error);

  // ---- for datagram sockets

  // Whether receives end with ECONNREFUSED when the ICMP error "port
  // unreachable" has come for something that was sent; once for each. They do
  // if the kernel queues errors (IP_RECVERR), and nothing else has to do with
  // such errors: no send fails for one, and other ICMP errors are dropped.
  void SetReportsUnreachable(bool on);

  // Takes ICMP errors off the kernel's queue, which would make the socket look
  // failed as long as they are there.
  void TakeIcmpErrors();

  // Whether datagrams to IPv4 broadcast addresses are received, as they are at
  // first, or dropped.
  void SetReceivesBroadcasts(bool on);

  // Drops the queued datagrams that receives would drop, as far as the first
  // one that they would give; false if there is none. As long as nothing is to
  // be dropped it looks at nothing and says true.
  bool DropUnwanted();

  // Stores how many bytes of payload the queued datagrams have, of those that
  // receives would give. Returns errno.
  int CountDatagrams(uint64_t* bytes);

  // Datagrams from elsewhere than `source` are dropped, also those that are
  // queued already; an empty one lets all pass.
  void SetSource(const NetAddress& source);

  // Takes the waiting operations of `sink`, which is closed, out again, without
  // an outcome; those of others go on.
  std::vector<std::unique_ptr<Operation>> Withdraw(const OperationSink* sink);

  // Closes for its owner: no operation begins any more, and the waiting ones
  // are given back without an outcome. The descriptor is returned so that its
  // end (linger, reset, plain close) can be chosen; invalid when closed before.
  std::pair<OwnedFd, std::vector<std::unique_ptr<Operation>>> Abandon();

  // Has another kernel socket, of which `received` bytes were received already,
  // in the place of the present one, which is given back with the operations
  // that wait on it. On a closed socket it gives back `fd`.
  std::pair<OwnedFd, std::vector<std::unique_ptr<Operation>>> Exchange(
      OwnedFd fd, uint64_t received);

  // Waiting operations but those in the background.
  int waiting() const;

  // Bytes of the stream that were received.
  uint64_t received() const;

  // Runs `call` with the descriptor, -1 once closed, under the socket's lock,
  // so that the number can't become another socket's meanwhile. For calls that
  // neither wait nor close: getsockopt() and the like.
  template <typename F>
  auto WithFd(F&& call) const -> decltype(call(0)) {
    absl::MutexLock lock(&mu_);
    return call(fd_.get());
  }

  EventLoop* loop() const { return loop_; }
  const std::shared_ptr<RateQuota>& quota() const { return quota_; }

  void OnEvents(uint32_t events) override;

 private:
  // A queue of waiting operations, oldest first.
  struct Queue {
    std::unique_ptr<Operation> head;
    Operation* tail = nullptr;

    bool empty() const { return head == nullptr; }
    void Push(std::unique_ptr<Operation> operation);
    std::unique_ptr<Operation> Pop();
    // Takes out the operation for which `match` is true; null if none.
    template <typename Match>
    std::unique_ptr<Operation> Remove(Match match);
    // Takes out all of them, in order.
    template <typename Match>
    void RemoveAll(Match match, std::vector<std::unique_ptr<Operation>>* out);
  };
  struct Finished {
    std::unique_ptr<Operation> operation;
    Outcome outcome;
  };
  struct Observer {
    const SocketObserver* key;
    std::weak_ptr<SocketObserver> observer;
    // EPOLL*.
    uint32_t events;
  };

  Socket(OwnedFd fd, EventLoop* loop, std::shared_ptr<RateQuota> quota);

  // Tries `operation` once. False: it has to wait.
  bool TryLocked(Operation* operation, Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return quota_ == nullptr ? TryNowLocked(operation, outcome)
                             : TryByQuotaLocked(operation, outcome);
  }
  bool TryNowLocked(Operation* operation, Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // ---- where there is a quota

  bool TryByQuotaLocked(Operation* operation, Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // How long `operation` has to wait; if not at all, it has its connection.
  absl::Duration QuotaWaitLocked(Operation* operation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Operations of one direction wait for the quota, and not for the kernel.
  struct Hold {
    bool on = false;
    EventLoop::TimerId timer = 0;
  };
  Hold& HoldOf(Operation::Direction direction)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return direction == Operation::Direction::kIn ? in_hold_ : out_hold_;
  }
  void HoldLocked(Operation::Direction direction, absl::Duration wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnHoldOver(Operation::Direction direction);
  void EndHoldsLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void HideHeldLocked(SocketState* state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Ends a send or receive with `error`, or with ENETRESET if it is ETIMEDOUT
  // and what timed out was keep-alive probes: Linux doesn't tell them apart.
  void FailLocked(int error, Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool TrySendLocked(Operation* operation, Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool TryReceiveLocked(Operation* operation, Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // For a receive with MSG_OOB, which always ends at once.
  void TryUrgentLocked(const Operation& operation, Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes urgent bytes out of the kernel's hands. Returns how many of them it
  // took off the stream, because they were next.
  size_t KeepUrgentLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes one that lies ahead in the stream, and that the kernel still has.
  void TakeUrgentAheadLocked(char byte, int place)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes the stream's next byte for an urgent one; false if it isn't there.
  bool TakeNextUrgentLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes off the stream what is next and was taken before.
  void DropNextUrgentLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // recv() of the stream without waiting, and without urgent bytes.
  ssize_t ReceiveOrdinaryLocked(char* data, size_t size, int flags)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The same where there are some.
  ssize_t ReceiveAroundUrgentLocked(char* data, size_t size, int flags)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // How many urgent bytes come before what the kernel has of the stream, since
  // the client, who wants them in line by now, hasn't received them.
  size_t UrgentBeforeStreamLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool TrySendDatagramLocked(Operation* operation, Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool TryReceiveDatagramLocked(Operation* operation, Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether a datagram, received with its ancillary data, is to be dropped.
  bool IsUnwantedLocked(const NetAddress& from, msghdr* message) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The errno of a stream that has come to its end; 0 for an orderly one.
  int EndErrorLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Ends the connection, for TCP with a reset; errno.
  int DissolveLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Shuts sending down; errno.
  int EndSendingLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // ---- what comes after a conclusion (socket_conclusion.cc)

  // Drops what is there, or a part of it: others wait for the loop too.
  void DrainLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What may be dropped now; 0: it has to wait for the quota.
  size_t DrainBytesLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StopDrainingLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnDrainTimeOver();

  // Whether the operation's sink lets it receive now.
  bool MayReceiveLocked(const Operation& operation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A call failed with `error`. Whether that was an ICMP error, come since the
  // last call; then it is on the books, and the call is to be repeated.
  bool TakeIcmpErrorLocked(int error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether there were any.
  bool TakeIcmpErrorsLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Before an operation waits: the kernel may have told the client of an error,
  // and nobody here. In the queue it would wake the loop again and again.
  void TakeUntoldErrorsLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool AwaitConnectionLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool TryAcceptLocked(const Operation& operation, Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool TryConnectLocked(Operation* operation, Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool TryAwaitConnectLocked(Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool TryShutdownSendLocked(Outcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // No longer watched, and nothing waits: gives back what did.
  std::vector<std::unique_ptr<Operation>> ReleaseLocked()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Queue& QueueFor(const Operation& operation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return operation.direction() == Operation::Direction::kIn ? in_ : out_;
  }
  // Makes the loop tell when one of the waiting operations may go on.
  void ArmLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What the loop is to tell of.
  uint32_t WantedLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The loop has told of `events`: if nobody wants these any more, it is not to
  // do so again.
  void ShrinkWatchLocked(uint32_t events) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<std::weak_ptr<SocketObserver>> CurrentObservers() const;
  std::vector<std::weak_ptr<SocketObserver>> CurrentObserversLocked() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void Notify(
      const std::vector<std::weak_ptr<SocketObserver>>& observers);
  void ParkLocked(std::unique_ptr<Operation> operation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Finishes what it can. True: it stopped early, with enough received to be
  // delivered first; run it again then.
  bool RunQueueLocked(Queue* queue, std::vector<Finished>* finished)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FinishShutdownLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Ends all that waits there with ECONNABORTED.
  void AbortQueueLocked(Queue* queue, std::vector<Finished>* finished)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StopTimer(Operation* operation);
  // Tells the sinks and empties the list.
  static void Deliver(std::vector<Finished>* finished);

  EventLoop* const loop_;
  // May be null.
  const std::shared_ptr<RateQuota> quota_;
  mutable absl::Mutex mu_;
  OwnedFd fd_ ABSL_GUARDED_BY(mu_);
  Queue in_ ABSL_GUARDED_BY(mu_);
  Queue out_ ABSL_GUARDED_BY(mu_);
  // 0: not watched yet. A socket on which nothing ever waited never is.
  EventLoop::WatchId watch_ ABSL_GUARDED_BY(mu_) = 0;
  bool watched_ ABSL_GUARDED_BY(mu_) = false;
  // What the loop was last asked for; until it has told, unless it tells of
  // every change.
  uint32_t armed_ ABSL_GUARDED_BY(mu_) = 0;
  // The loop tells of every change (EPOLLET), as observers need it, and not
  // once after each request (EPOLLONESHOT).
  bool edge_triggered_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Observer> observers_ ABSL_GUARDED_BY(mu_);
  // Connections that were put back, newest last; null for all but listeners.
  std::unique_ptr<std::vector<AcceptedConnection>> returned_
      ABSL_GUARDED_BY(mu_);
  // Bytes of the stream that receives took.
  uint64_t received_ ABSL_GUARDED_BY(mu_) = 0;
  // Connections that accepts took from the kernel.
  uint64_t accepted_ ABSL_GUARDED_BY(mu_) = 0;
  // Null as long as there was none.
  std::unique_ptr<UrgentBytes> urgent_ ABSL_GUARDED_BY(mu_);
  // The errno by which the connection was lost; 0 as far as is known.
  int lost_error_ ABSL_GUARDED_BY(mu_) = 0;
  // The client has a descriptor of it, too; and may be receiving with that.
  bool lent_ ABSL_GUARDED_BY(mu_) = false;
  bool client_receives_ ABSL_GUARDED_BY(mu_) = false;
  // Sending has been shut down.
  bool sending_ended_ ABSL_GUARDED_BY(mu_) = false;
  // By Conclude(): nothing is received any more.
  bool concluded_ ABSL_GUARDED_BY(mu_) = false;
  // What comes is dropped, until then.
  bool drains_ ABSL_GUARDED_BY(mu_) = false;
  EventLoop::TimerId drain_timer_ ABSL_GUARDED_BY(mu_) = 0;
  // A receive waits because its sink holds it back, not for the kernel.
  bool receive_held_ ABSL_GUARDED_BY(mu_) = false;
  // For the quota.
  Hold in_hold_ ABSL_GUARDED_BY(mu_);
  Hold out_hold_ ABSL_GUARDED_BY(mu_);
  // ShutdownSend() came while sends waited.
  bool shutdown_pending_ ABSL_GUARDED_BY(mu_) = false;
  bool reports_unreachable_ ABSL_GUARDED_BY(mu_) = false;
  // "Port unreachable" that no receive has told of yet.
  uint32_t unreachable_ ABSL_GUARDED_BY(mu_) = 0;
  NetAddress source_ ABSL_GUARDED_BY(mu_);
  bool drops_broadcasts_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_SOCKET_H_
