#ifndef WSPD_CLIENT_STUB_SPI_OPERATION_H_
#define WSPD_CLIENT_STUB_SPI_OPERATION_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "client_stub/base/intrusive_list.h"
#include "client_stub/spi/event_target.h"
#include "client_stub/transport/call.h"
#include "client_stub/transport/waiter.h"

namespace wsp {

class Provider;
struct Operation;
struct StubSocket;

struct InHeldReceives;
struct InNativeWaits;
struct InOperations;
struct InIndications;
struct InWork;

// What an operation does of which one step follows the other, as those of the
// extension functions: with the answer to a step. Belongs to its operation.
// Under the session lock.
class OperationSteps {
 public:
  virtual ~OperationSteps() = default;

  // The result of a kControl: completes the operation, or goes on with it, as
  // one of another kind perhaps.
  virtual void OnReply(Operation* operation, const Completion& completion) = 0;
  // All of a kSend is sent, without an error: the same.
  virtual void OnSent(Operation* operation);
  // The SPI call of a synchronous one returns with success, in its thread,
  // whose memory may be written to again.
  virtual void OnReturn(Operation*) {}

  // Whether there is something to do that may take its time, as reading a file.
  // Work() does it, without the lock: in the thread that waits for a
  // synchronous operation, in the stub's own for an overlapped one. Then comes
  // OnWorked(), unless the operation is done by then.
  virtual bool has_work() const { return false; }
  virtual void Work() {}
  virtual void OnWorked(Operation*) {}
};

// What one SPI call has under way with the daemon: one call, or the several
// that a transfer needs. Belongs to Provider, also when the thread that began
// it has vanished. Under the session lock.
struct Operation final : CallOwner,
                         ListNode<InHeldReceives>,
                         ListNode<InNativeWaits>,
                         ListNode<InOperations>,
                         ListNode<InIndications>,
                         ListNode<InWork> {
  enum class Kind : uint8_t {
    // Until the attachment is there; no call.
    kAttach,
    // One call with a reply.
    kControl,
    kSend,
    kReceive,
    // Until another operation, which is overlapped, has completed; no call.
    kWatch,
  };

  void OnResult(Call* call, const Completion& completion) override;
  void OnPending(Call* call) override;

  Provider* provider = nullptr;
  Kind kind = Kind::kControl;
  // Null if it is on none. Counted.
  StubSocket* socket = nullptr;
  // The SPI call that began it still looks at it.
  bool held = false;

  // ---- the wire
  // Not for sends, which have their job.
  Call* call = nullptr;
  SendJob job;
  bool send_stopped = false;
  uint32_t wire_flags = 0;
  uint32_t timeout_ms = 0;
  // In NowMs(): when the whole operation is over, if it has a time limit.
  int64_t deadline = INT64_MAX;
  bool report_pending = false;
  bool wait_for_all = false;
  // Of a kReceive: the daemon says who sent it, which comes to `reply.peer`.
  bool named = false;
  // Synchronous, and waits also on a non-blocking socket.
  bool waits = false;
  // Of a kReceive that is synchronous: it waits for data.
  bool blocks = false;
  // Of a kReceive: the daemon has it.
  bool with_daemon = false;
  // A request to lend the socket of this id; 0: none.
  uint64_t lends_to = 0;
  // A WSPStartup. If the registration ends meanwhile, then `marker` is a call
  // behind it: whichever is answered first says whether it was counted.
  bool counts_up = false;
  Call* marker = nullptr;
  // A WSPCleanup, which the daemon answers also if the registration ends.
  bool counts_down = false;
  // The close of its socket: if it fails, or nobody waits for it any more, the
  // socket is open again.
  bool closes_socket = false;
  // Null for those of one step.
  std::unique_ptr<OperationSteps> steps;
  // A thread is in its Work().
  bool working = false;
  // A WSPEventSelect or WSPAsyncSelect: the number of what it registers, or of
  // the cancellation of what was there; else 0.
  uint64_t registration = 0;
  // A WSPEnumNetworkEvents that asks the daemon, counted at its socket: it
  // resets `event`, if there is one, with this ticket of Notifications, once it
  // has succeeded.
  bool enumerates_events = false;
  uint64_t reset_ticket = 0;
  // An accept: the targets that its listener had at the beginning, and the
  // socket that it made, which is in the provider's table, and not yet in the
  // hands of its thread.
  std::vector<EventTarget> listener_targets;
  uint64_t accepted_socket = 0;
  // The NameSpaceLookup that it asks the daemon for; 0 for none.
  uint64_t lookup_id = 0;

  // ---- the caller's memory
  std::vector<ByteView> buffers;
  uint64_t total = 0;
  // The caller may be gone: what comes goes to `set_aside`.
  bool detached = false;
  ByteBuffer set_aside;

  // ---- how far it is
  // The daemon began it and will answer later.
  bool pending = false;
  bool done = false;
  uint32_t error = 0;
  uint64_t bytes = 0;
  uint32_t result_flags = 0;
  // Of a kControl: the result, its `data` in `reply_data`. Of a WSARecvMsg: the
  // ancillary data, as control_data.h lays them out.
  Completion reply;
  ByteBuffer reply_data;

  // ---- who waits, or is going to
  Waiter* waiter = nullptr;

  // ---- the overlapped operation, if it is one
  LPWSAOVERLAPPED overlapped = nullptr;
  WSAEVENT event = nullptr;
  // A completion port of its socket's isn't told.
  bool sends_no_packet = false;
  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine = nullptr;
  WSATHREADID thread = {};
  // It was opened for this operation, and is to be closed afterwards.
  bool opened_thread = false;
  // The SPI call hasn't decided yet between "done", "pending" and "failed".
  bool starting = false;
  // Among the pending ones.
  bool counted = false;
  // What Internal says at the end if it isn't the status of `error`; 0: it is.
  uint32_t status = 0;
  // Of a kReceive: where the sender's address goes at its completion; null:
  // nowhere.
  sockaddr* from = nullptr;
  LPINT from_length = nullptr;
  // Of a kReceive that is a WSARecvMsg: where what comes besides the data goes
  // at its completion, with the room that its Control had. Of a WSASendMsg: its
  // ancillary data, which `job` points to.
  LPWSAMSG message = nullptr;
  u_long control_room = 0;
  ByteBuffer control;
  // Of a kWatch: the overlapped operation that it watches.
  LPWSAOVERLAPPED watched = nullptr;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_OPERATION_H_
