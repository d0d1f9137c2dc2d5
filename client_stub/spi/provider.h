#ifndef WSPD_CLIENT_STUB_SPI_PROVIDER_H_
#define WSPD_CLIENT_STUB_SPI_PROVIDER_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "client_stub/base/id_table.h"
#include "client_stub/spi/kernel_handle.h"
#include "client_stub/spi/leaving_thread.h"
#include "client_stub/spi/library.h"
#include "client_stub/spi/notifications.h"
#include "client_stub/spi/operation.h"
#include "client_stub/spi/service_thread.h"
#include "client_stub/spi/stub_socket.h"
#include "client_stub/transport/attachment.h"
#include "client_stub/transport/descriptor_connection.h"
#include "client_stub/transport/network_events.h"
#include "client_stub/transport/read_baton.h"
#include "client_stub/transport/unix_socket.h"
#include "client_stub/transport/waiter.h"

namespace wsp {

// A socket's handle, and the system's descriptor that it is; -1: the SPI
// client's own.
struct SocketHandle {
  SOCKET value = INVALID_SOCKET;
  int descriptor = -1;
};

// The provider between the first startup and the final cleanup: the attachment
// to the daemon, the sockets, and what is under way.
//
// Everything is under g_library.mutex, "the lock".
class Provider final : private Attachment::Observer {
 public:
  // How long a startup, a cleanup or an attach may wait for the daemon.
  static constexpr int64_t kAnswerMs = 3000;

  // Null if descriptors or memory are short.
  static std::unique_ptr<Provider> Create() WSP_REQUIRES(g_library.mutex);
  ~Provider();

  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  // ---- registration

  // The startups of the process, as the daemon last said.
  uint64_t startups = 0;
  // Cleanups that count here and perhaps not with the daemon, which couldn't be
  // reached. If it still has the registration, its count is that much too high
  // at most.
  uint64_t owed_cleanups = 0;
  // Takes the count from the daemon's answer; `expected` is what it should be
  // if no other attachment changed it.
  void SetStartups(uint64_t count, uint64_t expected) {
    owed_cleanups = std::min(owed_cleanups, count);
    startups = std::clamp(expected, count - owed_cleanups, count);
  }
  // The daemon doesn't know of these startups any more.
  bool lost = false;
  // Cleaned up for good; only taking down is left.
  bool ended = false;
  // The most recent startup's (reference, section 3.2). Read without the lock,
  // by calls that another thread's startup may overtake: a table that was in
  // force once stays as it was.
  const WSPUPCALLTABLE& upcalls() const {
    return *upcalls_.load(std::memory_order_acquire);
  }
  void SetUpcalls(const WSPUPCALLTABLE& upcalls) WSP_REQUIRES(g_library.mutex);
  uint32_t catalog_entry_id = 0;

  // Ends everything as the final cleanup does: blocking calls with WSAEINTR,
  // overlapped operations cancelled without an indication. A startup and a
  // cleanup hear from the daemon whether they counted.
  void EndRegistration() WSP_REQUIRES(g_library.mutex);
  // Makes an ended provider fit for another startup, if nothing of the ended
  // registration is left in it.
  bool Revive() WSP_REQUIRES(g_library.mutex);
  // Whether no registration has ended since the daemon last answered a startup
  // with success: its thread may hear of both at once.
  bool startup_counts() const { return startup_counts_; }

  // ---- the connection

  // Connects if there is no connection. Returns 0, or WSAENETDOWN if there is
  // no daemon; then everything that was under way has failed, too.
  uint32_t EnsureConnected() WSP_REQUIRES(g_library.mutex);
  bool attached() const { return attachment_.attached(); }
  // The process's startups when the attachment was made.
  uint64_t startups_at_attach() const { return startups_at_attach_; }
  // Why the daemon refused the last attachment, a gRPC status.
  int refusal() const { return attachment_.grpc_status(); }
  void Flush() WSP_REQUIRES(g_library.mutex);
  // Reads and handles what has come; `reader` is the caller's, who needs no
  // waking.
  void ReadConnection(Waiter* reader) WSP_REQUIRES(g_library.mutex);
  // Reads what has come since somebody last did, if nobody is reading.
  void CatchUp() WSP_REQUIRES(g_library.mutex);
  // Gives up an attach that takes too long, and tries again to connect.
  void CheckAttachTime() WSP_REQUIRES(g_library.mutex);
  // When to call CheckAttachTime, in NowMs(); INT64_MAX for never.
  int64_t attach_deadline() const;
  // Drops a connection whose registration has ended; the next call makes
  // another.
  void Disconnect() WSP_REQUIRES(g_library.mutex) { CloseConnection(); }
  // Says good-bye and closes. Waits a moment for the daemon to say it, too, so
  // that an attachment made right afterwards doesn't come on top of this one.
  void HangUp() WSP_REQUIRES(g_library.mutex);

  Attachment& attachment() { return attachment_; }
  ReadBaton& baton() { return baton_; }

  // ---- sockets

  // An id for a socket that doesn't exist yet.
  uint64_t NewSocketId() WSP_REQUIRES(g_library.mutex);
  // Of one reference, and in the table.
  StubSocket* NewSocket(uint64_t id) WSP_REQUIRES(g_library.mutex);
  // With a reference, or null.
  StubSocket* FindSocket(uint64_t id) WSP_REQUIRES(g_library.mutex);
  // WSPCloseSocket begins: nothing more goes out for the socket until it is
  // clear whether it closes.
  void BeginClosing(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  void StayOpen(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  // Closed: no longer found; what is under way on it ends as cancelled.
  void RetireSocket(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  // Whether the handle of a retired socket is still needed, to tell of an
  // overlapped operation's end: then Indicate() gives it back, or the end of
  // the provider does. Else that is the caller's.
  bool KeepHandle(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  // All handles that haven't been given back, which is the caller's from now
  // on; when nobody else is in the provider any more.
  std::vector<SocketHandle> TakeHandles() WSP_REQUIRES(g_library.mutex);
  // From now on that is the socket's handle.
  void SetHandle(StubSocket* socket, const SocketHandle& handle)
      WSP_REQUIRES(g_library.mutex);
  // The mode that its calls go by.
  static void SetNonblocking(StubSocket* socket, bool nonblocking)
      WSP_REQUIRES(g_library.mutex);
  void Release(StubSocket* socket) WSP_REQUIRES(g_library.mutex);

  // ---- the lent plane

  // The connection for descriptors that a startup has made: if it is the
  // first, sockets have kernel handles from now on.
  void UseDescriptors(int connection, ByteView token)
      WSP_REQUIRES(g_library.mutex);
  // Whether such a connection is to be made.
  bool NeedsDescriptors() const WSP_REQUIRES(g_library.mutex) {
    return attachment_.lends() && !descriptors_.BelongsTo(attachment_.token());
  }
  bool kernel_handles() const { return kernel_handles_; }
  int OpenKernelHandle() WSP_REQUIRES(g_library.mutex) {
    return handles_.Open();
  }
  // The socket of a kernel handle, which stays the provider's; null if it is
  // none.
  StubSocket* FindByHandle(SOCKET handle) const WSP_REQUIRES(g_library.mutex);
  // Whether the daemon should be asked to lend it.
  bool LendingIsDue(const StubSocket& socket) const
      WSP_REQUIRES(g_library.mutex);
  // Receives go to the daemon from now on, first those whose threads wait.
  void StopNativeReceives(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  // The same for sends; and for both.
  void StopNativeSends(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  void StopNativeTransfers(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  // The socket has no connection any more that could be behind its handle.
  void TakeBack(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  // Whether a synchronous receive, or send, may use the kernel's socket now.
  bool MayReceiveNatively(const StubSocket& socket,
                          const Operation& operation) const
      WSP_REQUIRES(g_library.mutex);
  bool MaySendNatively(const StubSocket& socket) const
      WSP_REQUIRES(g_library.mutex);
  // Sends on the kernel's socket what that takes at once of some pieces, which
  // are cut, and counts it. Returns which piece comes next. If not all went the
  // socket would have to wait, or may not send natively any more.
  size_t SendToKernel(StubSocket* socket, ByteView* pieces, size_t count,
                      uint64_t* bytes) WSP_REQUIRES(g_library.mutex);
  // The kernel told an error that the daemon has to know.
  void ReportError(StubSocket* socket, uint32_t linux_errno)
      WSP_REQUIRES(g_library.mutex);
  // The same for the one datagram that the pieces are.
  NativeTransfer SendDatagramToKernel(StubSocket* socket,
                                      const ByteView* pieces, size_t count,
                                      const Address& to)
      WSP_REQUIRES(g_library.mutex);
  // Receives of datagrams go to the daemon for good: it looks at them itself
  // from now on, as WSPSelect does, which takes ICMP errors off the kernel's
  // queue, or has a rule which of them there are.
  void LeaveDatagramsToDaemon(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  // The same by its id, if there is such a socket.
  void LeaveDatagramsToDaemon(uint64_t id) WSP_REQUIRES(g_library.mutex);
  // A WSPConnect of datagrams begins, which ends what is native; it has
  // succeeded, and where to, or has failed.
  void BeginDatagramConnect(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  void EndDatagramConnect(StubSocket* socket, const Address* peer)
      WSP_REQUIRES(g_library.mutex);
  // Whether threads wait for the kernel's socket.
  static bool HasNativeWaits(const StubSocket& socket)
      WSP_REQUIRES(g_library.mutex) {
    return !socket.native_receives.empty() || !socket.native_sends.empty();
  }
  static bool IsNative(Operation* operation) {
    return static_cast<ListNode<InNativeWaits>*>(operation)->linked();
  }
  // A send waits for room in the kernel's socket, in its thread.
  void AwaitRoom(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // The kernel's socket has something, or room, for an operation whose thread
  // waits.
  void ContinueTransfer(Operation* operation) WSP_REQUIRES(g_library.mutex);

  // ---- operations

  // A new operation that the caller holds.
  Operation* NewOperation(Operation::Kind kind, StubSocket* socket)
      WSP_REQUIRES(g_library.mutex);
  // The caller holds it no longer.
  void LetGo(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // A call of the operation, on its socket unless the header names another; the
  // caller appends the request and submits it.
  Call* NewCall(Operation* operation, CallHeader header)
      WSP_REQUIRES(g_library.mutex);
  void StartSend(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // Behind a receive of MSG_WAITALL it only begins when that has ended.
  void StartReceive(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // Whether it has not been begun yet.
  static bool IsHeld(Operation* operation) {
    return static_cast<ListNode<InHeldReceives>*>(operation)->linked();
  }
  // Makes it overlapped; `event` may be null.
  void BeginOverlapped(Operation* operation, LPWSAOVERLAPPED overlapped)
      WSP_REQUIRES(g_library.mutex);
  // The SPI call of an overlapped operation gives its verdict: WSA_IO_PENDING,
  // or how it ended. Success will be indicated, an error not.
  uint32_t EndStarting(Operation* operation) WSP_REQUIRES(g_library.mutex);
  void Complete(Operation* operation, uint32_t error)
      WSP_REQUIRES(g_library.mutex);
  // Asks for its end, with WSAEINTR or WSA_OPERATION_ABORTED.
  void Cancel(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // Ends the operations of a name-space lookup, or of all for 0, at once and
  // with WSAEINTR; what the daemon has it is told to cancel.
  void EndLookups(uint64_t lookup_id) WSP_REQUIRES(g_library.mutex);
  // The time of a send is over: what the daemon doesn't have stays here.
  void TimeOutSend(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // Its thread is gone, and the memory that it points to as well. What it would
  // wait with is free again.
  void Abandon(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // Its thread may be gone: nothing of it is touched until Reattach.
  void Detach(Operation* operation) WSP_REQUIRES(g_library.mutex);
  void Reattach(Operation* operation) WSP_REQUIRES(g_library.mutex);

  void OnOperationPending(Operation* operation);
  void OnOperationResult(Operation* operation, Call* call,
                         const Completion& completion);

  // ---- work (OperationSteps)

  static bool HasWork(const Operation& operation) {
    return operation.steps != nullptr && !operation.done &&
           !operation.working && operation.steps->has_work();
  }
  // Does a piece of it, without the lock; nothing is the same afterwards.
  void Work(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // There may be something: whoever is to do it is told.
  void NoteWork(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // A piece of any overlapped operation's; false if there is nothing.
  bool WorkForOverlapped() WSP_REQUIRES(g_library.mutex);
  // More of a send is there, or it is known to be all.
  void OnMoreToSend(Operation* operation) WSP_REQUIRES(g_library.mutex) {
    FinishSendIfDone(operation);
  }
  // The rest of a send will never come.
  void FailSend(Operation* operation, uint32_t error)
      WSP_REQUIRES(g_library.mutex);

  // The overlapped operation with this OVERLAPPED that is under way, or null.
  const Operation* FindPending(LPWSAOVERLAPPED overlapped) const
      WSP_REQUIRES(g_library.mutex);
  // A watch on it; see Operation::Kind::kWatch.
  Operation* Watch(LPWSAOVERLAPPED overlapped) WSP_REQUIRES(g_library.mutex);

  // Does the upcalls of what has completed, without the lock; it is held again
  // when this returns, and nothing is the same any more.
  void Indicate() WSP_REQUIRES(g_library.mutex);
  // Whether there are some that nobody is doing.
  bool has_indications() const {
    return !indications_.empty() || !opened_threads_.empty() ||
           !handles_due_.empty() || notifications_.due();
  }
  // Has WPUCloseThread called for it, by Indicate().
  void CloseThread(const WSATHREADID& thread) WSP_REQUIRES(g_library.mutex) {
    opened_threads_.push_back(thread);
  }
  // Of a WSARecvMsg: writes to its WSAMSG. The SPI call of a synchronous one
  // does that, for its own.
  static void WriteMessage(Operation* operation);
  // Whether anything overlapped is on its way.
  uint64_t overlapped_pending() const { return overlapped_pending_; }

  // ---- network events

  // A WSPEventSelect or WSPAsyncSelect begins, as `operation`: gives it its
  // number. From now on `target` may hear of events, unless it registers none.
  void BeginRegistration(Operation* operation, EventTarget target)
      WSP_REQUIRES(g_library.mutex);
  // A WSPEnumNetworkEvents asks the daemon, as `operation`, and resets `event`
  // afterwards if it isn't null.
  void BeginEnumeration(Operation* operation, WSAEVENT event)
      WSP_REQUIRES(g_library.mutex);
  // Or it takes what a notice told; the daemon hears of it when that is
  // flushed. False if there is none that it could take.
  bool TakeNotice(StubSocket* socket, NetworkEventsReply* reply)
      WSP_REQUIRES(g_library.mutex);
  // What was to be told of the socket's former registrations, or of all if it
  // is closed, is over when this returns. Unlocks.
  void AwaitNotifications(uint64_t socket_id) WSP_REQUIRES(g_library.mutex) {
    notifications_.AwaitSocket(socket_id);
  }
  // Resets an event in its turn; its ticket.
  uint64_t ResetInTurn(WSAEVENT event) WSP_REQUIRES(g_library.mutex) {
    return notifications_.Reset(event);
  }
  // That is done when this returns. False if it failed. Unlocks.
  bool AwaitReset(uint64_t ticket) WSP_REQUIRES(g_library.mutex);
  // A call that re-enables these events was refused without the daemon; to be
  // flushed.
  void ReenableEvents(StubSocket* socket, uint32_t events)
      WSP_REQUIRES(g_library.mutex);
  // Gives the socket that an accept made its handle: what was held back for
  // that is to be indicated.
  void OpenAccepted(uint64_t id, const SocketHandle& handle)
      WSP_REQUIRES(g_library.mutex);
  // The accept can't use it, or its thread is gone: closes it, when flushed.
  void DropAccepted(uint64_t id) WSP_REQUIRES(g_library.mutex);

  // ---- waiting

  // Null if there are no descriptors left. `spare`: take the one in reserve.
  Waiter* AcquireWaiter(bool spare) WSP_REQUIRES(g_library.mutex);
  void ReleaseWaiter(Waiter* waiter) WSP_REQUIRES(g_library.mutex);

  // Calls that threads have in our code, and threads that run signal handlers
  // in the middle of a wait.
  uint32_t inside = 0;
  uint32_t exposed = 0;
  // A cleanup that may be the final one is under way: threads that leave are
  // watched until they are out of our code.
  bool ending = false;
  std::vector<LeavingThread> leavers;

  // Starts the stub's own thread if it doesn't run. False if it can't.
  bool EnsureService() WSP_REQUIRES(g_library.mutex);
  ServiceThread& service() { return service_; }

 private:
  // In force before the first startup is through; nothing calls them then.
  static const WSPUPCALLTABLE kNoUpcalls;
  static constexpr size_t kMostIdleWaiters = 8;
  static constexpr size_t kMostPooledOperations = 32;
  static constexpr int kMostBreaksInARow = 4;
  static constexpr int kGoodByeMs = 100;
  // A full queue empties in microseconds if the daemon runs at all.
  static constexpr int kRetryMs = 1;

  explicit Provider(uint64_t random);

  // Attachment::Observer
  void OnAttached(bool resumed, uint64_t startups) override;
  void OnRegistrationEnded(uint32_t reason) override;
  void OnNetworkEvent(const NetworkEvent& event) override;
  void OnAbandonedCleanup(bool final, uint64_t startups) override;
  int64_t TimeMs() override { return NowMs(); }

  // The startup or cleanup that waits for its answer, or null.
  Operation* FindCountingCall() WSP_REQUIRES(g_library.mutex);

  bool OpenConnection() WSP_REQUIRES(g_library.mutex);
  bool TryConnect() WSP_REQUIRES(g_library.mutex);
  void CloseConnection() WSP_REQUIRES(g_library.mutex);
  void OnBroken() WSP_REQUIRES(g_library.mutex);
  // Ends everything that is under way with an error.
  void FailAll(uint32_t error) WSP_REQUIRES(g_library.mutex);
  void LoseSockets() WSP_REQUIRES(g_library.mutex);

  void OnSendResult(Operation* operation, const Completion& completion,
                    uint32_t payload_bytes) WSP_REQUIRES(g_library.mutex);
  void OnReceiveResult(Operation* operation, const Completion& completion)
      WSP_REQUIRES(g_library.mutex);
  void SubmitReceive(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // Receives from the kernel's socket, or has the operation wait for that.
  // False if it is for the daemon.
  bool ReceiveFromKernel(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // Gives the daemon what waits for the kernel's socket.
  void ForwardNativeReceives(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  void ForwardNativeSends(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  static void EndNativeWait(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // ReceiveNatively() of datagrams, of those that the socket wants.
  static NativeTransfer TakeDatagram(Operation* operation)
      WSP_REQUIRES(g_library.mutex);
  // A daemon's receive of datagrams has ended so.
  static void NoteDatagramResult(StubSocket* socket, uint32_t error)
      WSP_REQUIRES(g_library.mutex);
  // Lent, it may be used natively unless something is against it.
  void UseNatively(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  // The result of a request to lend a socket has come.
  void OnLent(const Operation& operation, uint64_t call_id)
      WSP_REQUIRES(g_library.mutex);
  // Takes the operation out of its socket's order of receives.
  void LeaveReceives(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // The daemon has closed the socket and ended what it had: the same for what
  // waits for its turn, which it never saw.
  void CancelUnbegun(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  // Begins what nothing holds back any more. The socket may go.
  void BeginHeldReceives(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  void StoreReceived(Operation* operation, ByteView data)
      WSP_REQUIRES(g_library.mutex);
  void FinishSendIfDone(Operation* operation) WSP_REQUIRES(g_library.mutex);
  void CountOverlapped(int change) WSP_REQUIRES(g_library.mutex);
  void WriteOverlapped(Operation* operation) WSP_REQUIRES(g_library.mutex);
  void WakeWatchers(LPWSAOVERLAPPED overlapped) WSP_REQUIRES(g_library.mutex);
  void FreeIfUnused(Operation* operation) WSP_REQUIRES(g_library.mutex);
  void Free(Operation* operation) WSP_REQUIRES(g_library.mutex);
  void IndicateOne(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // Makes the upcalls of an end. Unlocks, and the operation may be gone.
  void Tell(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // One of the socket's overlapped operations needs its handle no longer.
  void EndTelling(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  void GiveBackHandle(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  void CloseOpenedThread() WSP_REQUIRES(g_library.mutex);
  // Keeps the ancillary data of a WSARecvMsg's result. False if they don't fit.
  static bool KeepControl(Operation* operation, const Completion& completion);
  // The stub's own thread does what a thread that is gone can't do any more.
  void WakeServiceIfDue() WSP_REQUIRES(g_library.mutex);

  // What the end of an operation means for network events.
  void SettleRegistration(Operation* operation) WSP_REQUIRES(g_library.mutex);
  void SettleEnumeration(Operation* operation) WSP_REQUIRES(g_library.mutex);
  void NewAccepted(Operation* operation, uint64_t id)
      WSP_REQUIRES(g_library.mutex);
  void PostEvent(const StubSocket& socket, const EventTarget& target,
                 uint32_t event, uint32_t error) WSP_REQUIRES(g_library.mutex);
  void TellWindow(const StubSocket& socket, EventTarget* target,
                  const NetworkEvent& event) WSP_REQUIRES(g_library.mutex);
  // After a change of the socket's targets.
  void CountTargets(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  void DropTargets(StubSocket* socket) WSP_REQUIRES(g_library.mutex);
  // The daemon is gone: whoever waits for events finds that out. For good if
  // its sockets are.
  void TellOfEnd(bool for_good) WSP_REQUIRES(g_library.mutex);
  // The stub's own thread reads while it is needed.
  void UpdateService() WSP_REQUIRES(g_library.mutex);

  std::vector<std::unique_ptr<const WSPUPCALLTABLE>> upcall_tables_;
  std::atomic<const WSPUPCALLTABLE*> upcalls_{&kNoUpcalls};

  Attachment attachment_;
  std::unique_ptr<SocketIo> io_;
  int fd_ = -1;
  int64_t attach_began_ms_ = 0;
  // The daemon's queue of connections was full: when to try again; else 0.
  int64_t retry_at_ms_ = 0;
  int breaks_in_a_row_ = 0;
  bool was_attached_ = false;
  uint64_t startups_at_attach_ = 0;
  bool startup_counts_ = false;

  // Fixed with the first startup.
  bool kernel_handles_ = false;
  DescriptorConnection descriptors_;
  KernelHandles handles_;
  IdTable<HandleEntry> by_handle_;

  IdTable<StubSocket> sockets_;
  // Closed ones whose handles are still needed, and not any more. Each has a
  // reference.
  IntrusiveList<StubSocket, InKeptHandles> handles_kept_;
  IntrusiveList<StubSocket, InKeptHandles> handles_due_;
  uint64_t next_socket_id_;

  IntrusiveList<Operation, InOperations> operations_;
  IntrusiveList<Operation, InIndications> indications_;
  // Overlapped ones that may have work to do.
  IntrusiveList<Operation, InWork> work_;
  // That nothing is queued with any more.
  std::vector<WSATHREADID> opened_threads_;
  std::vector<Operation*> operation_pool_;
  uint64_t overlapped_pending_ = 0;
  uint64_t watchers_ = 0;

  Notifications notifications_;
  uint64_t next_registration_ = 1;
  // Sockets that have targets.
  uint64_t registered_ = 0;

  ReadBaton baton_;
  std::vector<std::unique_ptr<Waiter>> waiters_;
  std::vector<Waiter*> idle_waiters_;
  Waiter* spare_waiter_ = nullptr;
  // Of the thread that is reading: it needs no waking.
  Waiter* reader_ = nullptr;
  ServiceThread service_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_PROVIDER_H_
