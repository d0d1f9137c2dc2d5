#ifndef WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_H_
#define WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_H_

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/journal/event_journal.h"
#include "daemon/network/change_monitor.h"
#include "daemon/quota/rate_quota.h"
#include "daemon/socket/forced_end.h"
#include "daemon/socket/lingerer.h"
#include "daemon/socket/operation.h"
#include "daemon/socket/socket.h"
#include "daemon/socket/socket_observer.h"
#include "daemon/winsock/address_table.h"
#include "daemon/winsock/call.h"
#include "daemon/winsock/change_waits.h"
#include "daemon/winsock/network_event_recorder.h"
#include "daemon/winsock/socket_call.h"
#include "daemon/winsock/socket_descriptor.h"
#include "daemon/winsock/socket_options.h"
#include "daemon/winsock/socket_readiness.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wsp/v1/admin.pb.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// A socket as Winsock knows it: Winsock's states, checks and error codes over
// the engine's Linux socket; here what all types of socket have in common. The
// rules are those of the SPI reference, sections 2, 4.7, 4.8, 4.12 and 5.2.
//
// Belongs to its descriptors, by which calls come in. What it has pending
// without a call it hears of itself, as an OperationSink.
//
// Thread-safe.
class WinsockSocket : public OperationSink,
                      public SocketObserver,
                      public std::enable_shared_from_this<WinsockSocket> {
 public:
  // What sockets need from the daemon; outlives them.
  struct Environment {
    // `its_addresses`: those of sockets that aren't these, too; null: a table
    // of its own.
    explicit Environment(Lingerer* its_lingerer,
                         EventJournal* its_events = nullptr,
                         std::shared_ptr<AddressTable> its_addresses = nullptr)
        : lingerer(its_lingerer),
          events(its_events),
          addresses(its_addresses != nullptr ? std::move(its_addresses)
                                             : AddressTable::Create()) {}

    Lingerer* const lingerer;
    // Where the sockets' lives are written down; null: nowhere.
    EventJournal* const events;
    const std::shared_ptr<ChangeMonitor> changes = ChangeMonitor::Create();
    const std::shared_ptr<AddressTable> addresses;
    // Of all sockets, for listings.
    mutable std::atomic<uint64_t> bytes_sent{0};
    mutable std::atomic<uint64_t> bytes_received{0};
  };

  ~WinsockSocket() override;

  // Makes a socket; errno on failure. `family` and `type` are the kernel's and
  // were checked by the caller. `quota`: of who makes it, for it and all that
  // it accepts, whoever gets a descriptor of these; may be null.
  static int Create(int family, int type, EventLoop* loop,
                    const Environment* environment,
                    std::shared_ptr<RateQuota> quota,
                    std::shared_ptr<WinsockSocket>* socket);

  // ---- for whoever shares it

  // What a process that gets a descriptor of it has to know.
  struct Shared {
    // AF_INET or AF_INET6; SOCK_STREAM or SOCK_DGRAM.
    int family;
    int type;
    // WSA_FLAG_*, of the WSPSocket that made it.
    uint32_t creation_flags;
    bool nonblocking;
  };
  Shared DescribeShared() const;
  // IPPROTO_*.
  int protocol() const {
    return type_ == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
  }
  void SetCreationFlags(uint32_t flags);

  // Keeps it alive without a descriptor, as a ticket does (reference, section
  // 4.11). False if nothing keeps it any more.
  bool AddHold();
  enum class HoldEnd { kOrderly, kReset };
  // If this was the last that kept it, the socket ends: as if `owner` had
  // closed it without waiting, or by a reset.
  void DropHold(const Lingerer::Owner& owner, HoldEnd end);

  // ---- for SocketDescriptor

  void AddDescriptor();

  // `from` has become its client's socket; unless it is closed by now, this is
  // written down. `listener_id`: the client's number for the listener that has
  // accepted it; 0: none.
  void NoteOpened(const SocketDescriptor& from, uint64_t listener_id);

  // Begins a call.
  void Handle(const SocketCall& call);

  // What the operation of a call of `from` has come to.
  virtual CallResult ResultOf(SocketDescriptor* from,
                              const Operation& operation, Outcome outcome) = 0;

  // Cancels a pending call of `from`, if it is still there.
  void Cancel(SocketDescriptor* from, uint64_t call_id);

  // `from`, which is marked closed, goes without a word. If it is the last
  // descriptor a connection is reset whatever SO_LINGER says.
  void Abort(SocketDescriptor* from);
  // The same if it was closed before: what waits for the end of that close
  // isn't answered any more.
  virtual void ForgetWait(SocketDescriptor* from) = 0;

  // A descriptor of the kernel's socket for the client, which sends and
  // receives with it from now on, beside the calls that come here. Returns
  // errno: ENOTCONN of a stream without a connection, EINVAL of datagrams that
  // aren't bound, EAGAIN of those with an error for the next receive, EPERM if
  // others have the socket, too.
  virtual int Lend(uid_t uid, OwnedFd* fd) = 0;
  // The client has got what was lent, whose SO_COOKIE this is: from now on that
  // is what is said of the socket, wherever planes are told.
  void NoteLent(uint64_t cookie);
  // For listings and events; 0: it is forwarded.
  wsp::v1::Plane plane() const {
    return lent_cookie() == 0 ? wsp::v1::PLANE_UNSPECIFIED
                              : wsp::v1::PLANE_LENT;
  }
  uint64_t lent_cookie() const {
    return lent_cookie_.load(std::memory_order_relaxed);
  }

  // Goes on with receives that were held back for kept results.
  void Poke() {
    engine_->Poke();
    PokeHoldings();
  }

  // ---- readiness and network events

  // What WSPSelect finds. Has no influence on network events.
  SocketReadiness Readiness();
  // As Socket::SetObserver().
  void SetObserver(const std::shared_ptr<SocketObserver>& observer,
                   uint32_t events) {
    engine_->SetObserver(observer, events);
  }

  // A network event that the socket itself doesn't know of, such as
  // FD_ADDRESS_LIST_CHANGE, has happened; `error` is a Winsock code. Nothing
  // happens without a registration.
  void RecordNetworkEvent(uint32_t event, uint32_t error);

  // The operation of a call has ended, and its result is known: it may have
  // enabled network events again. `error` is the outcome's.
  void EnableEventsAfter(const Operation& operation, int error);

  // Takes what is to be told by `from`, if the registration is its. Waits for
  // nothing that is held while a sink is called or over a system call.
  void TakeNotices(const SocketDescriptor* from,
                   std::vector<NetworkNotice>* notices);
  // The last notices are to be told again; whether there are any. Waits as
  // little.
  bool RepeatNotices(const SocketDescriptor* from);

  // SocketObserver, for network events.
  void OnStateChange() override { ReviewEvents(0); }

  // An administrator ends it, for all who have it: what waits, and what comes
  // after it on a connection, ends with WSAECONNABORTED; but for the sends that
  // wait if a connection ends in order. Returns errno: ENOTCONN if there is
  // nothing to end, EALREADY if it ends in order already, EBADF if it was
  // closed before.
  virtual int End(ForcedEnd how);

  // The operation of a call has ended so. For listings.
  void CountOperation(Operation::Kind kind, int error);

  // For listings: all but whose it is; `tcp` only on demand, since the kernel
  // has to be asked for it.
  virtual void Describe(bool with_tcp, wsp::v1::Socket* out) const;

  // OperationSink, for what is pending without a call.
  void OnOutcome(std::unique_ptr<Operation> operation,
                 Outcome outcome) override = 0;
  void OnParked(uint64_t /*operation_id*/) override {}
  void Flush() override {}
  bool MayReceive() const override { return true; }
  bool closed() const override { return false; }

 protected:
  using Handler = void (WinsockSocket::*)(const SocketCall&);

  WinsockSocket(std::shared_ptr<Socket> engine, int family, int type,
                const Environment* environment);

  // Begins a call of a function that not all types of socket have; false if
  // this type has it neither.
  virtual bool HandleOwn(const SocketCall& call) = 0;

  // Whether WSPBind may be called, as far as the type's own state goes.
  virtual bool MayBindLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;
  // Of `view` what the type's own state says.
  virtual void FillViewLocked(SocketView* view) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;
  // An option was set that the engine may have to do with.
  virtual void OptionsChangedLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {}
  // Whether a close of the last descriptor has to answer WSAEWOULDBLOCK.
  virtual bool CloseWouldBlockLocked() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;
  // Ends a wait of `from` that is none of the engine's operations.
  virtual void CancelWait(SocketDescriptor* from, uint64_t call_id) = 0;
  // The kernel's socket when its last descriptor is gone, with nothing pending
  // any more. Its address is free when it is closed, not before.
  struct Remains {
    AddressTable::Hold address;
    OwnedFd fd;
  };
  // The last descriptor was closed by `call`, which this ends.
  virtual void FinishClose(const SocketCall& call, Remains remains) = 0;
  // The same without a call: by the final cleanup, and orderly, as for `owner`.
  virtual void FinishAbort(Remains remains, const Lingerer::Owner& owner) = 0;
  virtual void FinishDrop(Remains remains, const Lingerer::Owner& owner) = 0;
  // What the closed `from` held besides operations goes with it, such as
  // connections that it was offered.
  virtual void ReleaseHoldings(SocketDescriptor* from, bool last) = 0;
  // `operation` of the closed `from` ends without an outcome, while others go
  // on with the socket: for its state it counts as cancelled. Not with mu_
  // held.
  virtual void OnWithdrawn(SocketDescriptor* /*from*/,
                           const Operation& /*operation*/) {}
  // What is the case now, for network events and for WSPSelect.
  virtual NetworkConditions ConditionsLocked()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;
  virtual SocketReadiness ReadinessLocked()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;

  // Enables `events` again, and records what is the case. Not with mu_ held.
  void ReviewEvents(uint32_t events);
  // Ends a call that the socket refuses; it enables `events` all the same
  // (reference, section 4.5). Not with mu_ held.
  void Refuse(const SocketCall& call, WsaError error, uint32_t events);
  // A connect of a type of socket that connects at once has succeeded: it, and
  // that there is room to send, is told (section 4.5). Not with mu_ held.
  void RecordConnected();
  // An accepted socket: `from`, its only descriptor, gets the registration that
  // `listener` has, if that is one of the same attachment.
  void InheritEvents(WinsockSocket* listener,
                     const std::shared_ptr<SocketDescriptor>& from);
  // Who watches the socket by other means than network events looks again; not
  // with mu_ held.
  void NotifyObservers() { engine_->NotifyObservers(); }

  // Writes down what has happened to the socket, for each client that has it.
  // `error` is an errno, 0 for none.
  void NoteLocked(wsp::v1::JournalEvent::Kind kind, int error = 0,
                  absl::string_view detail = "", uint64_t listener_id = 0) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // `from` isn't its client's any more. Nothing if that is known. Not with mu_
  // held.
  void NoteClosed(const SocketDescriptor* from);

  // As Poke(), for receives of the type's own.
  virtual void PokeHoldings() {}

  // Binds the kernel's socket if the table lets `call`'s client have the
  // address; `anothers` as of AddressTable::Take().
  WsaError BindLocked(const SocketCall& call, const NetAddress& address,
                      bool* anothers = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Whether the kernel lets others have the address of `fd`, a socket of
  // `type`, too, if they are the daemon's and say the same: who may is for the
  // table to say.
  static void LetShare(int fd, int type, bool share);
  // Of sockets that share one address by SO_REUSEADDR, the first has what
  // comes, as on Windows, where the kernel would deal it out. `fd` is bound if
  // datagrams are its trade, and listens if connections are.
  void LetFirstHaveLocked(int fd) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // An operation for a call, as yet without arguments.
  std::unique_ptr<Operation> NewOperation(const SocketCall& call,
                                          Operation::Kind kind) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // One that belongs to no call; its outcome goes to OnOutcome() here.
  std::unique_ptr<Operation> NewBackgroundOperation(Operation::Kind kind);
  // The codes of an operation that was cancelled.
  static CallResult CancelledResult(const Operation& operation);
  // Whether `error` says that the operation's own time was over.
  static bool IsTimeOut(const Operation& operation, int error) {
    return error == EAGAIN && operation.wait;
  }
  // Ends the pending operations of a closed descriptor.
  void FinishAborted(SocketDescriptor* from,
                     std::vector<std::unique_ptr<Operation>> operations);
  void CountSent(uint64_t bytes);
  // What the client has of it is another socket by now.
  void ForgetLentLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    lent_ = false;
    lent_cookie_.store(0, std::memory_order_relaxed);
  }
  // Whether a client's number can be one.
  static bool IsErrno(uint32_t number) { return number > 0 && number < 4096; }

  Socket* engine() const { return engine_.get(); }
  // 0: none yet.
  uint16_t LocalPort() const {
    return engine_->WithFd(&NetAddress::LocalOf).port();
  }
  const Environment* environment() const { return environment_; }
  int family() const { return family_; }
  int type() const { return type_; }

  mutable absl::Mutex mu_;
  bool bound_ ABSL_GUARDED_BY(mu_) = false;
  // By bind(), to a port that the client named: the kernel takes that back from
  // nobody who has the descriptor.
  bool named_port_ ABSL_GUARDED_BY(mu_) = false;
  // The address, if WSPBind took it, or what stands for it. Of a connection
  // that was accepted, the listener's, if that has it for itself alone.
  AddressTable::Hold address_ ABSL_GUARDED_BY(mu_);
  bool nonblocking_ ABSL_GUARDED_BY(mu_) = false;
  uint32_t creation_flags_ ABSL_GUARDED_BY(mu_) = 0;
  // The client may have a descriptor of the kernel's socket, too.
  bool lent_ ABSL_GUARDED_BY(mu_) = false;
  // Holds of tickets among them.
  uint32_t descriptors_ ABSL_GUARDED_BY(mu_) = 0;
  // SO_ERROR, a Winsock code.
  uint32_t so_error_ ABSL_GUARDED_BY(mu_) = 0;
  // Whether, of a connection that ConnectEx or AcceptEx has made, the functions
  // that ask about connections know yet: SO_UPDATE_CONNECT_CONTEXT and
  // SO_UPDATE_ACCEPT_CONTEXT tell them.
  enum class ContextDue : uint8_t { kNone, kConnect, kAccept };
  ContextDue context_due_ ABSL_GUARDED_BY(mu_) = ContextDue::kNone;
  // Where a connect went or an accept came from, kept beyond the connection.
  NetAddress peer_ ABSL_GUARDED_BY(mu_);
  // What is told of as its own address.
  NetAddress local_ ABSL_GUARDED_BY(mu_);
  SocketOptions options_ ABSL_GUARDED_BY(mu_);

 private:
  // One for each request of the wire; each ends the call or parks it.
  void Bind(const SocketCall& call);
  void Close(const SocketCall& call);
  void GetSockName(const SocketCall& call);
  void GetPeerName(const SocketCall& call);
  void GetSockOpt(const SocketCall& call);
  void SetSockOpt(const SocketCall& call);
  void Ioctl(const SocketCall& call);
  void EventSelect(const SocketCall& call);
  void AsyncSelect(const SocketCall& call);
  void EnumNetworkEvents(const SocketCall& call);
  void ReenableEvents(const SocketCall& call);

  // For listings: a datagram went.
  void NoteActive();

  // The ioctls that end when the network changes.
  void AwaitChange(const SocketCall& call,
                   const wsp::v1::IoctlRequest& request);
  // Null if there never was one.
  std::shared_ptr<ChangeWaits> change_waits() const;
  // Ends those of `from`, which is closed.
  void WithdrawChanges(const SocketDescriptor* from, bool last, bool silently);

  // The registration of network events, with the record. Once made it stays as
  // long as the socket.
  struct NetworkEvents {
    // Held for as long as it takes to change what is below, never over a system
    // call: an attachment takes notices with its results' lock held. What is
    // the case is looked at before, with the socket's mu_ held, so that one
    // look comes after the other.
    absl::Mutex mu;
    NetworkEventRecorder recorder ABSL_GUARDED_BY(mu);
    // Who registered; its attachment is told.
    const SocketDescriptor* owner ABSL_GUARDED_BY(mu) = nullptr;
    std::weak_ptr<SocketDescriptor> owner_reference ABSL_GUARDED_BY(mu);
  };

  // WSPEventSelect and WSPAsyncSelect; a Winsock code.
  uint32_t Register(const std::shared_ptr<SocketDescriptor>& from,
                    NetworkEventRecorder::Kind kind, uint32_t mask,
                    uint64_t registration);
  // Records that `happened`, an event of no error, enables `enabled` again, and
  // records what is the case. Who is to be told; null: nobody.
  std::shared_ptr<SocketDescriptor> ReviewEventsLocked(NetworkEvents* events,
                                                       uint32_t enabled,
                                                       uint32_t happened = 0)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) ABSL_LOCKS_EXCLUDED(events->mu);
  void ObserveForEventsLocked(uint32_t observed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void TellOfEvents(const std::shared_ptr<SocketDescriptor>& owner);
  // The closed `from` has no registration any more, nor, if it was the last
  // descriptor, has anybody.
  void CancelEvents(const SocketDescriptor* from, bool last);
  bool HasSelectedEvents();

  SocketView ViewLocked(int fd) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The two ways of BindLocked(): to a port of the kernel's choice, which comes
  // to `bind`, and to a given one.
  static WsaError BindToAnyPort(int fd, AddressTable* table,
                                AddressTable::Bind* bind,
                                AddressTable::Hold* hold);
  static WsaError BindToPort(int fd, AddressTable* table,
                             const AddressTable::Bind& bind,
                             AddressTable::Hold* hold, bool* anothers);
  // Takes the operations of `from`, which is closed, off a socket that others
  // go on with.
  std::vector<std::unique_ptr<Operation>> WithdrawOperations(
      SocketDescriptor* from);
  EventRecord RecordLocked(wsp::v1::JournalEvent::Kind kind,
                           const Lingerer::Owner& holder) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What is said otherwise of a lent one, whose client sends and receives by
  // itself.
  void DescribeLentLocked(wsp::v1::Socket* out) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes one descriptor off; whether it was the last.
  bool RemoveDescriptor();
  Remains TakeRemains(OwnedFd fd);

  const std::shared_ptr<Socket> engine_;
  const Environment* const environment_;
  const int family_;
  const int type_;
  const absl::Time opened_at_;
  std::atomic<uint64_t> bytes_sent_{0};
  // Of calls, for listings.
  std::atomic<uint64_t> sends_{0};
  std::atomic<uint64_t> receives_{0};
  std::atomic<int> last_errno_{0};
  // 0: the client has no descriptor of it. Set with mu_ held.
  std::atomic<uint64_t> lent_cookie_{0};
  // When the last send or receive ended; Unix time, nanoseconds; 0: none has.
  std::atomic<int64_t> active_at_ns_{0};
  // Owned; null as long as nobody has asked for events. Set with mu_ held.
  std::atomic<NetworkEvents*> events_{nullptr};
  // EPOLL* that the socket is observed for on their account.
  uint32_t observed_ ABSL_GUARDED_BY(mu_) = 0;
  std::shared_ptr<ChangeWaits> change_waits_ ABSL_GUARDED_BY(mu_);
  // The clients' descriptors of which it is written down that they are opened.
  struct Holder {
    const SocketDescriptor* descriptor;
    Lingerer::Owner owner;
  };
  absl::InlinedVector<Holder, 1> holders_ ABSL_GUARDED_BY(mu_);
};

// Operation::id of operations that belong to no call.
inline constexpr uint64_t kNoCall = 0;

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_H_
