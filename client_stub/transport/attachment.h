#ifndef WSPD_CLIENT_STUB_TRANSPORT_ATTACHMENT_H_
#define WSPD_CLIENT_STUB_TRANSPORT_ATTACHMENT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "client_stub/base/id_table.h"
#include "client_stub/transport/call.h"
#include "client_stub/transport/http2_client.h"
#include "client_stub/transport/raw_io.h"
#include "client_stub/transport/requests.h"
#include "client_stub/transport/send_credit.h"
#include "client_stub/transport/server_frame.h"

namespace wsp {

// One attachment to the daemon: its unanswered calls, credits and
// acknowledgements, over one connection after the other. It never blocks and
// does no waiting; its user moves the bytes with Flush and Read.
//
// What the daemon would refuse, because the client has as many calls unanswered
// as it may, waits here: sends leave an eighth of the calls for others. They
// reach the daemon in order or not at all.
//
// Not thread-safe: everything happens under the session lock.
class Attachment final : private Http2Client::Delegate,
                         private ServerFrameVisitor {
 public:
  class Observer {
   public:
    // The daemon answered the hello. If it resumed, unanswered calls are being
    // repeated; if not, they are still there and stay until DropCalls.
    virtual void OnAttached(bool resumed, uint64_t startups) = 0;
    virtual void OnRegistrationEnded(uint32_t reason) = 0;
    // As the daemon sent it; it may be stale.
    virtual void OnNetworkEvent(const NetworkEvent& event) = 0;
    // A cleanup has succeeded that no owner hears of: an abandoned one, or the
    // one that makes up for an abandoned startup. As in CleanupResult.
    virtual void OnAbandonedCleanup(bool final, uint64_t startups) = 0;
    // The time, in milliseconds of a steady clock; for jobs with a deadline.
    virtual int64_t TimeMs() = 0;

   protected:
    ~Observer() = default;
  };

  // Whose rules the attachment lives by, and what it takes.
  struct Options {
    // LINUX, which has nothing to resume, instead of WINSOCK.
    bool linux_personality = false;
    // Whether WINSOCK asks for lent sockets.
    bool lent = false;
    // What the client calls itself in the daemon's log.
    const char* client_name = "libwsp";
    // Of what is read from the connection at a time.
    size_t read_bytes = Http2Client::kReadBytes;
  };

  // Call ids count up from `first_call_id`, which should be random.
  Attachment(uint64_t first_call_id, Observer* observer);
  Attachment(uint64_t first_call_id, Observer* observer,
             const Options& options);
  ~Attachment();

  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  // ---- the connection

  // Begins an Attach stream on `io`, which has to outlive it; with the token of
  // the stream before, if `resume` and there was one.
  IoStatus Connect(RawIo* io, bool resume);
  // Forgets the connection; calls stay.
  void Disconnect();
  bool connected() const { return client_ != nullptr; }
  // Whether the welcome was received on this connection.
  bool attached() const { return attached_; }
  // What names the attachment to the daemon, for whatever else the process
  // connects; empty before the first welcome.
  ByteView token() const { return {token_.data(), token_.size()}; }
  // Which of the planes for the LINUX personality the last welcome put in
  // force.
  bool relays() const { return relays_; }
  bool lends() const { return lends_; }
  // The same of CAPABILITY_FAREWELL.
  bool takes_farewell() const { return takes_farewell_; }
  // The gRPC status that ended the last connection, or Http2Client::kNoStatus.
  int grpc_status() const { return grpc_status_; }

  // As Http2Client's. kBroken: Disconnect is the only thing left to do.
  IoStatus Flush();
  IoStatus Read();
  bool WantsWrite();
  // Half-closes the stream behind what is queued and a last acknowledgement.
  void FinishSending();

  // ---- calls

  // A new call with its header written; the caller appends the request to
  // `bytes` and submits it. `header.call_id` is ignored.
  Call* NewCall(CallOwner* owner, CallHeader header);
  void Submit(Call* call);
  // Submits a call that must not overtake the sends of its socket. `job` is
  // empty and the owner's, and free again when the call is answered.
  void SubmitBehindSends(SendLane* lane, SendJob* job, Call* call);

  // Whether another call that may wait for long, as receives do, leaves enough
  // of the calls that the client may have for sends and all that is short.
  bool MayReceive() const;

  // Asks the daemon to end the call. True if it had not been handed over and is
  // gone, without a result; else its result comes as always.
  bool Cancel(Call* call);
  // The owner goes away. The daemon is told to cancel what it can; the result
  // is dropped, and a socket that it brings is closed.
  void Abandon(Call* call);

  // ---- sends

  void AddLane(SendLane* lane);
  // Ends the lane's unfinished jobs, and the calls behind them, without
  // results.
  void RemoveLane(SendLane* lane);
  void SubmitSend(SendLane* lane, SendJob* job);
  // Of a job with blocks, submitted or not: another block, or no more of them.
  void AddBlock(SendLane* lane, SendJob* job, ByteBuffer block);
  void EndBlocks(SendLane* lane, SendJob* job);
  // Whether the job would wait for nothing but the connection.
  bool MaySendAtOnce(const SendLane& lane, const SendJob& job) const;
  // After a change of a `paused`.
  void UpdateLane(SendLane* lane);
  // No further chunks. The last chunks are cancelled first, so that nothing is
  // sent behind a gap. True if nothing is unanswered any more.
  bool CancelJob(SendLane* lane, SendJob* job);
  // The owner and its memory go away: as CancelJob, but results are dropped.
  void AbandonJob(SendLane* lane, SendJob* job);
  // Copies the unanswered chunks, so that the owner's memory may go away.
  void CopyOutstanding(SendJob* job);

  // Forgets all calls but one, and all jobs, without results. Jobs are empty
  // afterwards.
  void DropCalls(const Call* except = nullptr);

  size_t unanswered() const { return calls_.size(); }
  const AttachmentLimits& limits() const { return limits_; }

 private:
  static constexpr size_t kMostCallsInOneFrame = 64;
  static constexpr size_t kMostPooledCalls = 64;
  // Of a pooled call's payload: what is worth keeping.
  static constexpr size_t kMostKeptCopy = 4096;
  // Payload of one frame of repeated calls: more than a chunk, so that what a
  // connection repeats is a small part of it even if connections are short.
  static constexpr size_t kMostRepeatedBytes = 256 << 10;
  // Of calls themselves in one frame, if it is more than one call: those of
  // WSPSelect name every socket.
  static constexpr size_t kMostCallBytes = 256 << 10;
  static constexpr uint64_t kAckResults = 64;
  static constexpr uint64_t kAckBytes = 256 << 10;

  // Http2Client::Delegate
  bool HasMessage() override;
  bool NextMessage(OutgoingMessage* message) override;
  void OnMessagesWritten(uint64_t number) override { written_ = number; }
  bool OnMessage(ByteView message) override;

  // ServerFrameVisitor
  bool OnWelcome(const Welcome& welcome) override;
  bool OnCompletion(const Completion& completion) override;
  bool OnRegistrationEnded(uint32_t reason) override;
  bool OnNetworkEvent(const NetworkEvent& event) override;

  // Whether the daemon can know of the call, so that the result isn't nonsense.
  bool MayBeAnswered(const Call& call, const Completion& completion);
  // So many eighths of the calls that the client may have unanswered.
  uint64_t Calls(uint64_t eighths) const {
    const uint64_t calls = limits_.outstanding_calls * eighths / 8;
    return calls > 0 ? calls : 1;
  }
  bool SendsMayGo() const { return handed_over_calls_ < Calls(7); }
  bool TakeLimits(const AttachmentLimits& offered);
  bool AckIsDue() const;
  void AppendCancels(OutgoingMessage* message);
  // Puts a call into the message that is being built.
  void HandOver(OutgoingMessage* message, Call* call);
  void HandOverQueue(OutgoingMessage* message,
                     IntrusiveList<Call, InQueue>* queue);
  void HandOverSends(OutgoingMessage* message);
  Call* NextChunk(SendLane* lane, uint32_t size);
  static void TakeFromBuffers(SendJob* job, uint32_t size, Call* call);
  static void TakeFromBlocks(SendJob* job, uint32_t size, Call* call);
  // What is left of the job's time, for a call's header; at least 1, since 0
  // stands for no limit.
  uint32_t TimeLeftMs(const SendJob& job) const;
  void EndJob(SendLane* lane, SendJob* job);
  // Whether the lane has something to send and credit for it, and how many
  // bytes come next.
  bool LaneIsReady(const SendLane& lane, uint32_t* chunk) const;
  // The lane that goes next, and its bytes; null if there is none.
  SendLane* NextLane(uint32_t* chunk);
  void RepeatUnanswered();
  // The daemon has read the connection's messages up to `message`.
  void ConfirmAcks(uint64_t message);
  void ReturnCredit(Call* call, uint64_t bytes_sent);
  // Takes a call out of the table and every list.
  void Remove(Call* call);
  void Recycle(Call* call);
  // After the result of a call that was abandoned.
  void UndoAbandoned(const Call& call, const Completion& completion);

  Observer* const observer_;
  const Options options_;
  uint64_t next_call_id_;
  AttachmentLimits limits_;
  ByteBuffer token_;
  bool relays_ = false;
  bool lends_ = false;
  bool takes_farewell_ = false;

  std::unique_ptr<Http2Client> client_;
  bool hello_due_ = false;
  bool last_ack_due_ = false;
  uint64_t hello_ack_ = 0;
  bool attached_ = false;
  // Whether the last connection was welcomed.
  bool welcomed_ = false;
  bool resuming_ = false;
  int grpc_status_ = Http2Client::kNoStatus;
  uint64_t handed_over_ = 0;  // messages on this connection
  uint64_t written_ = 0;

  IdTable<Call> calls_;
  // Of those, the ones that were handed over, to any connection. No more than
  // the daemon has: each message acknowledges all results before its calls.
  uint64_t handed_over_calls_ = 0;
  std::vector<Call*> pool_;
  // Repeated after a resume, in id order; goes before everything else.
  IntrusiveList<Call, InQueue> repeats_;
  IntrusiveList<Call, InQueue> controls_;
  IntrusiveList<Call, InCancels> cancels_;
  IntrusiveList<SendLane, InReadyLanes> ready_lanes_;
  IntrusiveList<SendLane, InAllLanes> lanes_;
  SendCredit credit_;

  uint64_t processed_sequence_ = 0;
  uint64_t acked_sequence_ = 0;
  uint64_t unacked_bytes_ = 0;
  // Acknowledgements on their way: in which message, up to which result. A
  // result of a call in the same message or a later one says that it arrived.
  struct SentAck {
    uint64_t message;
    uint64_t sequence;
  };
  std::vector<SentAck> sent_acks_;
  // Results that were processed and that the daemon may keep all the same.
  struct Processed {
    uint64_t sequence;
    uint64_t call_id;
  };
  std::vector<Processed> unconfirmed_;
  // Of those, the ones that no acknowledgement can name any more: a hello that
  // did was sent, and nobody knows whether it arrived. And calls that were
  // dropped while there was no attachment. If it is resumed, a cancellation has
  // the daemon forget them.
  std::vector<uint64_t> forgotten_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_ATTACHMENT_H_
