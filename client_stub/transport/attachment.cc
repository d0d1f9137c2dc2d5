#include "client_stub/transport/attachment.h"

#include <algorithm>

#include "proto/wire_fields.h"

namespace wsp {
namespace {

constexpr size_t kMostTokenBytes = 64;
constexpr uint32_t kMostChunkBytes = 64 << 10;

// What follows the call's message on the wire.
uint32_t PayloadToSend(const Call& call) {
  return call.payload.empty() ? 0 : call.payload_bytes;
}

// Makes the call one that does nothing but ask for its id's result: what the
// daemon has under this id it goes on with, the request isn't compared; what
// never reached it, must not begin now, and a send of it took no bytes.
void TakeRequestOut(Call* call) {
  CallHeader header;
  header.call_id = call->id;
  call->bytes.clear();
  call->payload.clear();
  call->payload_copy.clear();
  AppendCallHeader(&call->bytes, header);
  AppendNothing(&call->bytes);
}

}  // namespace

Attachment::Attachment(uint64_t first_call_id, Observer* observer)
    : Attachment(first_call_id, observer, Options()) {}

Attachment::Attachment(uint64_t first_call_id, Observer* observer,
                       const Options& options)
    : observer_(observer), options_(options), next_call_id_(first_call_id) {
  credit_.SetLimits(limits_);
}

Attachment::~Attachment() {
  Disconnect();
  DropCalls();
  while (SendLane* lane = lanes_.front()) RemoveLane(lane);
  for (Call* call : pool_) delete call;
}

// ----------------------------------------------------------- the connection

IoStatus Attachment::Connect(RawIo* io, bool resume) {
  Disconnect();
  if (!resume) token_.clear();
  // Results that the stream before brought and that weren't acknowledged yet.
  // Of one that wasn't welcomed it isn't known whether its hello, which
  // acknowledged those of the stream before it, arrived.
  hello_ack_ = resume && welcomed_ ? processed_sequence_ : 0;
  if (!welcomed_) {
    for (const Processed& result : unconfirmed_) {
      forgotten_.push_back(result.call_id);
    }
    unconfirmed_.clear();
  }
  welcomed_ = false;
  sent_acks_.clear();
  // Only here is the private base accessible.
  client_.reset(new Http2Client(io, this, options_.read_bytes));
  grpc_status_ = Http2Client::kNoStatus;
  hello_due_ = true;
  resuming_ = !token_.empty();
  handed_over_ = written_ = 0;
  processed_sequence_ = acked_sequence_ = unacked_bytes_ = 0;
  const IoStatus status = client_->Start();
  return status == IoStatus::kDone ? Flush() : status;
}

void Attachment::Disconnect() {
  if (client_ == nullptr) return;
  grpc_status_ = client_->grpc_status();
  client_.reset();
  attached_ = false;
  hello_due_ = false;
  last_ack_due_ = false;
}

IoStatus Attachment::Flush() { return client_->Flush(); }

IoStatus Attachment::Read() { return client_->Read(); }

void Attachment::FinishSending() {
  last_ack_due_ = true;
  client_->FinishSending();
}

bool Attachment::WantsWrite() { return client_->WantsWrite(); }

bool Attachment::OnMessage(ByteView message) {
  return DecodeServerFrame(message, this);
}

bool Attachment::TakeLimits(const AttachmentLimits& offered) {
  limits_ = offered;
  limits_.chunk_bytes = std::min(limits_.chunk_bytes, kMostChunkBytes);
  const uint32_t credit = std::min(limits_.socket_send_credit_bytes,
                                   limits_.client_send_credit_bytes);
  limits_.chunk_bytes = std::min(limits_.chunk_bytes, credit);
  credit_.SetLimits(limits_);
  uint64_t kept = 0;
  for (SendLane* lane = lanes_.front(); lane != nullptr;
       lane = lanes_.Next(lane)) {
    kept += credit_.Kept(*lane);
  }
  credit_.Recount(kept);
  return limits_.chunk_bytes > 0;
}

bool Attachment::OnWelcome(const Welcome& welcome) {
  if (attached_ || hello_due_ || welcome.major != kWireMajor ||
      welcome.attachment_token.size > kMostTokenBytes ||
      !TakeLimits(welcome.limits)) {
    return false;
  }
  attached_ = true;
  token_.assign(welcome.attachment_token.data,
                welcome.attachment_token.data + welcome.attachment_token.size);
  relays_ = welcome.relays;
  lends_ = welcome.lends;
  takes_farewell_ = welcome.takes_farewell;
  welcomed_ = true;
  unconfirmed_.clear();
  const bool resumed = resuming_ && welcome.resumed;
  if (resumed) {
    RepeatUnanswered();
  } else {
    forgotten_.clear();
  }
  observer_->OnAttached(resumed, welcome.startups);
  return true;
}

bool Attachment::OnRegistrationEnded(uint32_t reason) {
  if (!attached_) return false;
  observer_->OnRegistrationEnded(reason);
  return true;
}

bool Attachment::OnNetworkEvent(const NetworkEvent& event) {
  if (!attached_) return false;
  observer_->OnNetworkEvent(event);
  return true;
}

void Attachment::RepeatUnanswered() {
  while (Call* call = cancels_.front()) {
    Unlink<InCancels>(call);
  }
  std::vector<Call*> unanswered = calls_.All();
  // Ids may wrap around; their distance to the next one doesn't.
  std::sort(unanswered.begin(), unanswered.end(),
            [this](const Call* a, const Call* b) {
              return next_call_id_ - a->id > next_call_id_ - b->id;
            });
  for (Call* call : unanswered) {
    if (call->message == 0 && !call->repeated) continue;  // in another queue
    call->message = 0;
    call->repeated = true;
    if (call->abandoned) {
      TakeRequestOut(call);
    } else if (call->owner != nullptr) {
      // A notice may have been lost with the stream; it isn't sent again.
      call->owner->OnPending(call);
    }
    Unlink<InQueue>(call);
    repeats_.PushBack(call);
  }
}

// -------------------------------------------------------------------- calls

Call* Attachment::NewCall(CallOwner* owner, CallHeader header) {
  Call* call;
  if (pool_.empty()) {
    call = new Call;
  } else {
    call = pool_.back();
    pool_.pop_back();
  }
  call->id = header.call_id = next_call_id_++;
  call->socket_id = header.socket_id;
  call->owner = owner;
  AppendCallHeader(&call->bytes, header);
  calls_.Insert(call);
  return call;
}

void Attachment::Submit(Call* call) { controls_.PushBack(call); }

void Attachment::SubmitBehindSends(SendLane* lane, SendJob* job, Call* call) {
  if (lane->jobs.empty()) return Submit(call);
  job->behind = call;
  job->lane = lane;
  call->job = job;
  lane->jobs.PushBack(job);
  UpdateLane(lane);
}

bool Attachment::Cancel(Call* call) {
  if (call->message == 0 && !call->repeated) {
    Remove(call);
    Recycle(call);
    return true;
  }
  if (call->cancel_requested) return false;
  call->cancel_requested = true;
  if (call->message != 0) cancels_.PushBack(call);
  return false;
}

void Attachment::Abandon(Call* call) {
  if (Cancel(call)) return;
  call->owner = nullptr;
  call->abandoned = true;
  if (call->payload_bytes > 0 && call->message > written_ &&
      client_ != nullptr) {
    client_->CopyPayload();
  }
  if (call->job != nullptr) {
    Unlink<InJob>(call);
    call->job = nullptr;
  }
  if (call->message == 0) TakeRequestOut(call);
}

void Attachment::Remove(Call* call) {
  calls_.Erase(call);
  if (call->message != 0 || call->repeated) --handed_over_calls_;
  Unlink<InQueue>(call);
  Unlink<InCancels>(call);
  if (SendJob* job = call->job) {
    if (job->behind == call) {
      job->behind = nullptr;
      EndJob(job->lane, job);
    } else {
      Unlink<InJob>(call);
      --job->outstanding_count;
    }
  }
}

void Attachment::Recycle(Call* call) {
  if (pool_.size() >= kMostPooledCalls) {
    delete call;
    return;
  }
  call->owner = nullptr;
  call->bytes.clear();
  call->payload.clear();
  call->payload_bytes = 0;
  call->credit = 0;
  call->payload_copy.clear();
  if (call->payload_copy.capacity() > kMostKeptCopy) {
    call->payload_copy.shrink_to_fit();
  }
  call->message = 0;
  call->cancel_requested = false;
  call->abandoned = false;
  call->repeated = false;
  call->lane = nullptr;
  call->job = nullptr;
  call->job_offset = 0;
  call->makes_socket = 0;
  pool_.push_back(call);
}

void Attachment::DropCalls(const Call* except) {
  if (client_ != nullptr) client_->CopyPayload();
  for (Call* call : calls_.All()) {
    if (call == except) continue;
    const bool handed_over = call->message != 0 || call->repeated;
    if (handed_over && !attached_) forgotten_.push_back(call->id);
    Remove(call);
    Recycle(call);
  }
  credit_.Reset();
  for (SendLane* lane = lanes_.front(); lane != nullptr;
       lane = lanes_.Next(lane)) {
    lane->in_flight = 0;
    while (SendJob* job = lane->jobs.front()) EndJob(lane, job);
  }
}

bool Attachment::MayReceive() const {
  return calls_.size() < Calls(7) &&
         calls_.size() - credit_.chunks() < Calls(6);
}

// ------------------------------------------------------------------ results

void Attachment::ReturnCredit(Call* call, uint64_t bytes_sent) {
  SendLane* lane = call->lane;
  credit_.GiveBack(lane, call->credit);
  if (lane == nullptr) return;
  lane->next_offset -= call->payload_bytes - bytes_sent;
}

bool Attachment::MayBeAnswered(const Call& call, const Completion& completion) {
  if (completion.bytes_sent > call.payload_bytes) return false;
  const bool written = call.message != 0 && call.message <= written_;
  if (written) return true;
  // An answer to what the daemon can't have read yet would let the caller free
  // memory that is still being written. But what it had before a resume may end
  // before it is repeated, or while it is.
  if (!call.repeated) return false;
  if (call.payload_bytes > 0 && call.message != 0) client_->CopyPayload();
  return true;
}

bool Attachment::OnCompletion(const Completion& completion) {
  if (!attached_) return false;
  Call* call = calls_.Find(completion.call_id);
  if (completion.pending) {
    if (call != nullptr && call->owner != nullptr) call->owner->OnPending(call);
    return true;
  }
  if (completion.sequence <= processed_sequence_) return false;
  if (call != nullptr && !MayBeAnswered(*call, completion)) return false;
  processed_sequence_ = completion.sequence;
  unacked_bytes_ += completion.data.size;
  unconfirmed_.push_back({completion.sequence, completion.call_id});
  if (call == nullptr) return true;  // a duplicate, or one that was dropped
  ConfirmAcks(call->message);

  SendLane* lane = call->lane;
  Remove(call);
  if (call->credit > 0) ReturnCredit(call, completion.bytes_sent);
  if (lane != nullptr) UpdateLane(lane);
  if (call->owner != nullptr) {
    call->owner->OnResult(call, completion);
  } else {
    UndoAbandoned(*call, completion);
  }
  Recycle(call);
  return true;
}

void Attachment::ConfirmAcks(uint64_t message) {
  size_t arrived = 0;
  while (arrived < sent_acks_.size() &&
         sent_acks_[arrived].message <= message) {
    ++arrived;
  }
  if (arrived == 0) return;
  const uint64_t sequence = sent_acks_[arrived - 1].sequence;
  sent_acks_.erase(sent_acks_.begin(),
                   sent_acks_.begin() + static_cast<ptrdiff_t>(arrived));
  const auto kept = std::find_if(
      unconfirmed_.begin(), unconfirmed_.end(),
      [sequence](const Processed& p) { return p.sequence > sequence; });
  unconfirmed_.erase(unconfirmed_.begin(), kept);
}

void Attachment::UndoAbandoned(const Call& call, const Completion& completion) {
  if (completion.wsa_error != 0) return;
  if (completion.result == wire::Completion::kCleanup) {
    observer_->OnAbandonedCleanup(completion.final, completion.startups);
    return;
  }
  CallHeader header;
  if (completion.result == wire::Completion::kStartup) {
    // Whoever asked for it was told that it failed.
    Call* cleanup = NewCall(nullptr, header);
    AppendCleanup(&cleanup->bytes);
    Submit(cleanup);
    return;
  }
  if (call.makes_socket == 0) return;
  if (completion.offer_id != 0) {
    // The offer is the listener's.
    header.socket_id = call.socket_id;
    Call* decision = NewCall(nullptr, header);
    AppendAcceptDecision(&decision->bytes, completion.offer_id,
                         wire::AcceptDecisionRequest::DECISION_DEFER,
                         call.makes_socket);
    Submit(decision);
    return;
  }
  header.socket_id = call.makes_socket;
  Call* close = NewCall(nullptr, header);
  AppendCloseSocket(&close->bytes);
  Submit(close);
}
// ----------------------------------------------------------------- messages

bool Attachment::AckIsDue() const {
  const uint64_t unacked = processed_sequence_ - acked_sequence_;
  return unacked >= kAckResults || unacked_bytes_ >= kAckBytes ||
         (last_ack_due_ && unacked > 0);
}

bool Attachment::HasMessage() {
  uint32_t chunk;
  if (!attached_) return hello_due_;
  return AckIsDue() || !forgotten_.empty() || !repeats_.empty() ||
         (!controls_.empty() && handed_over_calls_ < Calls(8)) ||
         !cancels_.empty() || NextLane(&chunk) != nullptr;
}

bool Attachment::NextMessage(OutgoingMessage* message) {
  if (!HasMessage()) return false;
  if (!attached_) {
    HelloParams hello;
    hello.resume_token = {token_.data(), token_.size()};
    hello.linux_personality = options_.linux_personality;
    hello.lent = options_.lent;
    hello.client_name = options_.client_name;
    AppendAck(message->bytes(), hello_ack_);
    AppendHello(message->bytes(), hello);
    hello_due_ = false;
    ++handed_over_;
    return true;
  }
  if (processed_sequence_ != acked_sequence_) {
    AppendAck(message->bytes(), processed_sequence_);
    acked_sequence_ = processed_sequence_;
    unacked_bytes_ = 0;
    sent_acks_.push_back({handed_over_ + 1, processed_sequence_});
  }
  AppendCancels(message);
  HandOverQueue(message, &repeats_);
  if (repeats_.empty()) {
    HandOverQueue(message, &controls_);
    HandOverSends(message);
  }
  ++handed_over_;
  return true;
}

void Attachment::AppendCancels(OutgoingMessage* message) {
  for (const uint64_t id : forgotten_) AppendCancel(message->bytes(), id);
  forgotten_.clear();
  // Only of calls in earlier messages: the daemon does cancellations first. And
  // not before all is repeated, so that they keep their order.
  if (!repeats_.empty()) return;
  while (Call* call = cancels_.PopFront()) {
    AppendCancel(message->bytes(), call->id);
  }
}

void Attachment::HandOver(OutgoingMessage* message, Call* call) {
  WireWriter(message->bytes())
      .LengthPrefix(wire::ClientFrame::kCalls,
                    call->bytes.size() + PayloadToSend(*call));
  message->bytes()->insert(message->bytes()->end(), call->bytes.begin(),
                           call->bytes.end());
  for (const ByteView& view : call->payload) message->AddPayload(view);
  if (!call->repeated) ++handed_over_calls_;
  call->message = handed_over_ + 1;
  // Of what is repeated, the last goes first: see CancelJob.
  if (call->cancel_requested) cancels_.PushFront(call);
}

void Attachment::HandOverQueue(OutgoingMessage* message,
                               IntrusiveList<Call, InQueue>* queue) {
  for (size_t i = 0; i < kMostCallsInOneFrame; ++i) {
    Call* call = queue->front();
    if (call == nullptr) return;
    if (!call->repeated && handed_over_calls_ >= Calls(8)) return;
    if (message->payload_bytes() + PayloadToSend(*call) > kMostRepeatedBytes) {
      return;
    }
    if (i > 0 &&
        message->bytes()->size() + call->bytes.size() > kMostCallBytes) {
      return;
    }
    queue->PopFront();
    HandOver(message, call);
  }
}

void Attachment::HandOverSends(OutgoingMessage* message) {
  size_t left = limits_.chunk_bytes;
  for (size_t i = 0; i < kMostCallsInOneFrame; ++i) {
    uint32_t chunk;
    SendLane* lane = NextLane(&chunk);
    if (lane == nullptr) return;
    SendJob* job = lane->jobs.front();
    if (job->behind != nullptr) {
      Call* call = job->behind;
      lane->jobs.PopFront();
      job->behind = nullptr;
      call->job = nullptr;
      HandOver(message, call);
    } else {
      if (chunk > left) return;
      left -= chunk;
      HandOver(message, NextChunk(lane, chunk));
    }
    // To the end of the line, if there is more.
    Unlink<InReadyLanes>(lane);
    UpdateLane(lane);
  }
}

}  // namespace wsp
