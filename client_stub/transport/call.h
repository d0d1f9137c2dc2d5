#ifndef WSPD_CLIENT_STUB_TRANSPORT_CALL_H_
#define WSPD_CLIENT_STUB_TRANSPORT_CALL_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "client_stub/base/intrusive_list.h"
#include "client_stub/transport/server_frame.h"
#include "client_stub/transport/wire_writer.h"

namespace wsp {

struct Call;
struct SendJob;
struct SendLane;

// Whoever made a call and hears how it ends. Called under the session lock.
class CallOwner {
 public:
  // The call's only result. `call` goes when this returns. May submit calls.
  virtual void OnResult(Call* call, const Completion& completion) = 0;
  // The call was begun and will be answered later.
  virtual void OnPending(Call* call) = 0;

 protected:
  ~CallOwner() = default;
};

struct InQueue;       // what waits to be handed over, or handed over again
struct InCancels;     // cancellations that wait to be handed over
struct InJob;         // the unanswered chunks of a SendJob
struct InLane;        // the jobs of a SendLane
struct InReadyLanes;  // the lanes that have something to send and credit for it
struct InAllLanes;

// One call on the wire, from its making to its result. Belongs to Attachment.
struct Call : ListNode<InQueue>, ListNode<InCancels>, ListNode<InJob> {
  uint64_t id = 0;
  Call* table_next = nullptr;
  // The socket that it is on, 0 for none.
  uint64_t socket_id = 0;
  // Null if nobody is interested any more.
  CallOwner* owner = nullptr;
  // Its Call message, without the payload at its end.
  ByteBuffer bytes;
  // What follows it; empty also when the payload is gone (see `abandoned`).
  std::vector<ByteView> payload;
  // How much that is, or was: its place in the stream until it is answered.
  uint32_t payload_bytes = 0;
  // The credit that it took, 0 if it is no send.
  uint32_t credit = 0;
  // Where the payload lies if the owner's memory may go away.
  ByteBuffer payload_copy;
  // The number of the connection's message that carries it; 0: not handed over.
  uint64_t message = 0;
  bool cancel_requested = false;
  // The owner went away and the request may be gone: the daemon may answer
  // what it has, but must not be given it again.
  bool abandoned = false;
  // An earlier connection carried it.
  bool repeated = false;

  // For a chunk of a send: where its credit goes back to, and where it lies in
  // its job, which may have gone.
  SendLane* lane = nullptr;
  SendJob* job = nullptr;
  uint64_t job_offset = 0;

  // The id of the socket that success makes, 0 for most calls. If nobody is
  // interested any more by then, it is closed.
  uint64_t makes_socket = 0;
};

// Bytes of a SendJob that come block by block, as they are handed over. A block
// is at most a chunk; of a datagram job it is one datagram.
struct SendBlocks {
  std::deque<ByteBuffer> waiting;
  // Of the first one, what was handed over already.
  size_t offset = 0;
};

// Bytes to be sent on one socket, as calls of at most a chunk each, made when
// there is credit. Belongs to its owner, as does the memory of the bytes.
struct SendJob : ListNode<InLane> {
  CallOwner* owner = nullptr;
  const ByteView* buffers = nullptr;
  size_t buffer_count = 0;
  // UINT64_MAX as long as it isn't known; see EndBlocks.
  uint64_t total = 0;
  // Where the bytes are instead of in `buffers`; null: there.
  SendBlocks* blocks = nullptr;
  uint32_t flags = 0;
  bool overlapped = false;
  // One message, which is one call, however small the credit's parts.
  bool datagram = false;
  // Of a datagram: by WSPSendTo, to `to`, or to the peer if that has no family.
  bool named = false;
  Address to;
  // Its ancillary data as requests.h wants them, which stay the owner's.
  ByteView control;
  // When the daemon is to give up what it has of it, in Attachment::Observer's
  // TimeMs(); INT64_MAX: never. What waits for credit is the owner's to give
  // up.
  int64_t deadline_ms = INT64_MAX;
  // How many chunks may be unanswered at a time.
  uint32_t max_outstanding = UINT32_MAX;
  // No new chunks for now.
  bool paused = false;
  // Not a send: this call goes when everything before it in `lane` was handed
  // over.
  Call* behind = nullptr;
  SendLane* lane = nullptr;

  // Whether nothing is left to be handed over.
  bool all_handed_over() const {
    return begun && handed_over == total &&
           (blocks == nullptr || blocks->waiting.empty());
  }

  // How far it got.
  uint64_t handed_over = 0;
  bool begun = false;
  size_t next_buffer = 0;
  size_t next_offset = 0;  // in that buffer
  IntrusiveList<Call, InJob> outstanding;
  uint32_t outstanding_count = 0;
};

// The sending side of one socket: its jobs in order, and its credit.
struct SendLane : ListNode<InReadyLanes>, ListNode<InAllLanes> {
  uint64_t socket_id = 0;
  IntrusiveList<SendJob, InLane> jobs;
  // Credit of unanswered sends.
  uint64_t in_flight = 0;
  // Stream offset of the next byte that is handed over.
  uint64_t next_offset = 0;
  // Nothing is handed over for now.
  bool paused = false;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_CALL_H_
