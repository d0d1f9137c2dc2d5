#ifndef WSPD_DAEMON_RELAY_RELAYED_SOCKET_H_
#define WSPD_DAEMON_RELAY_RELAYED_SOCKET_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "daemon/base/owned_fd.h"
#include "daemon/journal/event_record.h"
#include "daemon/linux/linux_socket.h"
#include "daemon/linux/socket_owners.h"
#include "daemon/policy/client_access.h"
#include "daemon/relay/local_address.h"
#include "daemon/relay/relay_loop.h"
#include "daemon/socket/forced_end.h"
#include "daemon/socket/net_address.h"
#include "proto/wsp/v1/admin.pb.h"
#include "proto/wsp/v1/linux.pb.h"

namespace wspd {

class RelayedSockets;

// Options of SOL_SOCKET that the program's end has: name and value.
using ProgramOptions = std::vector<std::pair<int, std::string>>;

// What stays the same of a relayed socket all its life.
struct RelayedSocketInfo {
  // By which clients name it; unique as long as the daemon runs.
  uint64_t number = 0;
  // SO_COOKIE of the program's end: who holds that has a right to the number.
  uint64_t cookie = 0;
  // The client's number for it; 0: accepted.
  uint64_t socket_id = 0;
  // The listening socket that it was accepted by; 0: none.
  uint64_t listener = 0;
  LinuxSocketKind kind;
  // Unix time, nanoseconds.
  int64_t opened_at_ns = 0;
  // Of who asked for it. Has counted it; its end takes one off.
  std::shared_ptr<SocketOwner> owner;
  // What who asked for it may do: for what comes by itself, datagrams from the
  // program and connections from the network.
  std::shared_ptr<const ClientAccess> access = ClientAccess::Unrestricted();
};

// As rules are asked about the socket.
PolicySocket InQuestion(const RelayedSocketInfo& info);

// Of a connection.
struct RelayedEndpoints {
  NetAddress local;
  NetAddress peer;
};

// What a listing says of one.
struct RelayedSocketReport {
  wsp::v1::LinuxStateResult::State state =
      wsp::v1::LinuxStateResult::STATE_UNSPECIFIED;
  // Its program has closed it, and it still sends.
  bool closed = false;
  NetAddress local;
  NetAddress peer;
  // From the program to the network, and back.
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  // Since bytes last moved either way, or it was made.
  int64_t idle_ns = 0;
  // The last error that it has had, Linux' number; 0: none.
  int last_errno = 0;
};

// A relayed socket: the daemon's end of the program's pair ("link"), the real
// socket, and what moves bytes between them. What is moved and how is the
// derived class's; this one has what streams and datagrams have in common.
//
// Lives until the program's end is closed for the last time, whoever had it by
// then. Handler functions run on the loop's thread; all others are
// thread-safe. The lock is this socket's own, held while calls of it are made
// or its bytes moved, neither of which blocks. Lock order: a listener's before
// that of what it accepts; before RelayedSockets'.
class RelayedSocket : public RelayHandler,
                      public std::enable_shared_from_this<RelayedSocket> {
 public:
  RelayedSocket(RelayedSocketInfo info, OwnedFd link, OwnedFd real,
                RelayLoop* loop, RelayedSockets* table);

  const RelayedSocketInfo& info() const { return info_; }
  // As rules are asked about it.
  PolicySocket InQuestion() const { return wspd::InQuestion(info_); }

  // Writes down that there is one more. Of an accepted one `endpoints` are
  // known. Called once, by the table, before Start().
  void NoteOpened(const RelayedEndpoints& endpoints);
  // That nothing has come of it, if Start() fails.
  void NoteClosed();

  // Begins to serve: events come from now on. Called once, by the table.
  // Returns errno.
  virtual int Start() = 0;

  // ---- calls (proto/wsp/v1/linux.proto); all return errno, EBADF when the
  // socket has ended

  // Calls `use` with the real socket, under the lock.
  int UseReal(absl::FunctionRef<int(int fd)> use);
  // setsockopt() and getsockopt() of the real socket, of what may be set and
  // read. `length` is the room, and becomes what there is.
  int SetOption(int level, int name, const std::string& value);
  int GetOption(int level, int name, char* value, socklen_t* length);
  // bind(). Addresses of sockets that programs have closed are free; other
  // users' are EADDRINUSE, and `*anothers`, which may be null, says so.
  int Bind(const NetAddress& address, bool* anothers = nullptr);
  // `address` is empty to take the connection back.
  virtual int Connect(const NetAddress& address, uint32_t filler,
                      bool* in_progress) = 0;
  // An attempt that isn't made, since the client may not: what it has put on
  // its end for it is taken off.
  virtual void RefuseConnect(uint32_t /*filler*/) {}
  // Of the attempt that Connect() or RefuseConnect() was about the program has
  // been told that it is under way, whatever came of it; `error`: why it can't
  // begin, or 0.
  virtual void NoteUnawaitedConnect(int /*error*/) {}
  virtual int Listen(int backlog);
  virtual int State(int filler_change, wsp::v1::LinuxStateResult* result) = 0;
  // The pending error, which is none afterwards; 0: none.
  virtual int TakeError(int* pending) = 0;
  virtual int Shutdown(int how);
  virtual int Send(const wsp::v1::LinuxSend& request,
                   wsp::v1::LinuxSendResult* result);
  virtual int ReceiveError(const wsp::v1::LinuxReceiveError& request,
                           wsp::v1::LinuxReceiveErrorResult* result);
  // SIOCOUTQ: what the peer hasn't acknowledged, wherever it is.
  virtual int CountUnsent(int* bytes);
  // An option of SOL_SOCKET was set on the program's end, which the daemon
  // can't look at.
  virtual void SetProgramOption(int /*name*/, const std::string& /*value*/) {}
  // SO_LINGER of the real socket was set or inherited.
  virtual void OnLingerSet() {}

  // An administrator ends it, whoever has the program's end: that finds
  // ECONNABORTED. Of a connection that ends in order what its program has sent
  // goes its way, for the table's linger_time. Besides EBADF, ENOTCONN: there
  // is nothing to end; EALREADY: it ends in order already, by whomever.
  virtual int End(ForcedEnd how) = 0;

  // Datagrams that went neither way.
  virtual uint64_t dropped() const { return 0; }
  // What went each way, as a limit of operations counts it: datagrams, or of a
  // stream pieces, each as much as was given on at a time.
  struct Operations {
    uint64_t sends;
    uint64_t receives;
  };
  Operations operations() const {
    return {sends_.load(std::memory_order_relaxed),
            receives_.load(std::memory_order_relaxed)};
  }

  // The first port that a program knew it to have, by which RelayedSockets
  // finds it; 0: none.
  uint16_t port() const { return port_.load(); }
  // The program is going to know it. Any thread, without the lock.
  void NotePort(uint16_t port);

  // Whether the program's end was closed with something unread. Takes no lock
  // that it would wait for: none while another thread works on the socket.
  std::optional<bool> HasLeftUnread() const;
  // The listener that this was accepted by has.
  virtual void OnListenerLeft() {}

  // Closes the real socket if it has an address and the program's end is
  // closed, which the loop hasn't come to yet. Any thread. Takes one off
  // `*looks` for each time that it asks FindProgramEnd(), which it doesn't
  // with none left.
  virtual void CloseIfLeft(int* /*looks*/) {}

  // RelayHandler.
  void OnTime() override;
  void OnLook() override;

  RelayedSocketReport Report() const;
  // Runs `look` with the real socket, under the socket's lock; -1 once it has
  // ended.
  template <typename F>
  void LookAtReal(F&& look) const {
    absl::MutexLock lock(&mu_);
    look(real_.get());
  }
  // From the program to the network, and back.
  uint64_t bytes_sent() const {
    return bytes_sent_.load(std::memory_order_relaxed);
  }
  uint64_t bytes_received() const {
    return bytes_received_.load(std::memory_order_relaxed);
  }

 protected:
  virtual wsp::v1::LinuxStateResult::State StateLocked() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;

  // Whether its program has closed it.
  virtual bool IsClosedLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;

  // UseReal() is about to.
  virtual void PrepareLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {}

  // For CloseIfLeft().
  bool IsLeftLocked(int* looks) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Whether the program's end is closed for the last time, on the loop's
  // thread, when the link has hung up: by that, or since both directions are
  // shut down. False also if that is only found out later;
  // OnProgramGoneLocked() says if it is so.
  bool IsProgramGoneLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  virtual void OnProgramGoneLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;

  // Has OnTimeLocked() called in `delay`, instead of at any other time, unless
  // the socket has ended by then. On the loop's thread.
  void WakeAfterLocked(absl::Duration delay) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  virtual void OnTimeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;

  // On the loop's thread, with a program's end that is closed: closes both
  // descriptors and takes the socket off the table. Handler functions may
  // still be called in this round.
  void LeaveLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Bytes went from the program to the network, or back, by so many operations:
  // also of its client's quota, for which there are perhaps more `datagrams`,
  // which are counted besides their payload.
  void CountSentLocked(uint64_t bytes, uint64_t operations,
                       uint64_t datagrams = 0)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountReceivedLocked(uint64_t bytes, uint64_t operations,
                           uint64_t datagrams = 0)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Of the quota alone, that came to nothing either way.
  void CountDropped(uint64_t sent, uint64_t received);
  // The same of one piece of a stream.
  void CountDroppedBytes(uint64_t received);
  // It has failed so, for listings.
  void NoteError(int error) {
    if (error != 0) last_errno_.store(error, std::memory_order_relaxed);
  }
  // How long more of them have to wait for that quota; not at all without one.
  absl::Duration SendWait() const;
  absl::Duration ReceiveWait() const;
  bool HasQuota() const { return quota() != nullptr; }
  // What may be moved at a time.
  size_t TurnBytes() const;

  // As long as it has to wait for the quota.
  void WaitForQuotaLocked(absl::Duration wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // At the end of each turn: `closed`, the socket is, by its program or an
  // administrator, and what was sent has the table's linger_time to go; `wait`:
  // for a quota, infinite if nothing waits. OnTimeLocked() comes for either.
  void ScheduleLocked(bool closed, absl::Duration wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // That time is over.
  bool IsTimeOverLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return closes_at_.has_value() && RelayLoop::Clock::now() >= *closes_at_;
  }

  // Writes down what has happened to it (JournalEvent); `error` is an errno, 0
  // for none. With the lock held, so that events come in the order of what they
  // tell of: it waits for nobody.
  void NoteLocked(wsp::v1::JournalEvent::Kind kind, int error = 0,
                  absl::string_view detail = "") const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  RelayLoop* loop() const { return loop_; }
  RelayedSockets* table() const { return table_; }

  mutable absl::Mutex mu_;
  // Not valid once the socket has ended.
  OwnedFd link_ ABSL_GUARDED_BY(mu_);
  // The real socket's, so that it goes after it.
  LocalAddress address_ ABSL_GUARDED_BY(mu_);
  OwnedFd real_ ABSL_GUARDED_BY(mu_);
  // As it is written down.
  RelayedEndpoints endpoints_ ABSL_GUARDED_BY(mu_);

 private:
  const RelayedSocketInfo info_;
  RelayLoop* const loop_;
  RelayedSockets* const table_;
  std::atomic<uint16_t> port_{0};
  // Written with the lock held, read without.
  std::atomic<uint64_t> bytes_sent_{0};
  std::atomic<uint64_t> bytes_received_{0};
  std::atomic<uint64_t> sends_{0};
  std::atomic<uint64_t> receives_{0};
  std::atomic<int> last_errno_{0};
  // That of the client if it applies, else null.
  RateQuota* quota() const { return RateQuota::InForce(info_.owner->quota); }
  void CancelWakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Of the quota's count of who waits.
  absl::Duration BeginWaitLocked(absl::Duration wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndWaitLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool LookWhetherClosedLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // The next hang-up may be told for what IsProgramGoneLocked() did.
  bool hang_up_in_doubt_ ABSL_GUARDED_BY(mu_) = false;
  // When everything has to be out.
  std::optional<RelayLoop::Clock::time_point> closes_at_ ABSL_GUARDED_BY(mu_);
  // For a quota.
  bool waits_for_quota_ ABSL_GUARDED_BY(mu_) = false;
  bool counts_as_waiting_ ABSL_GUARDED_BY(mu_) = false;
  // Of WakeAfterLocked().
  std::optional<RelayLoop::Timers::iterator> timer_ ABSL_GUARDED_BY(mu_);
  // OnLook() is to come: hang-ups before that are its affair.
  bool awaits_look_ ABSL_GUARDED_BY(mu_) = false;
  // CLOCK_MONOTONIC_COARSE, nanoseconds.
  std::atomic<int64_t> active_at_ns_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAYED_SOCKET_H_
