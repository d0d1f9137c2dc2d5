// Attachment: results, from who has them to the frames that carry them.
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/session/attachment.h"
#include "daemon/session/limits.h"
#include "daemon/wire/wire_writer.h"
#include "proto/wire_fields.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

// What a kept result costs beyond its payload.
constexpr uint64_t kResultOverhead = 64;
// Of the list of written results: what isn't worth looking through.
constexpr size_t kFewWritten = 64;

}  // namespace

uint64_t Attachment::KeptBytes(const CallResult& result) {
  return kResultOverhead + result.body.size() +
         (result.payload == nullptr ? 0 : result.payload->capacity());
}

absl::Status Attachment::Acknowledge(uint64_t sequence) {
  uint64_t freed = 0;
  {
    absl::MutexLock lock(&mu_);
    if (sequence > last_sequence_) {
      return absl::InvalidArgumentError(
          absl::StrCat("ack_sequence ", sequence,
                       " acknowledges a result that was never "
                       "written; the last one is ",
                       last_sequence_));
    }
    if (ended_.has_value() && sequence >= ended_->next_sequence) ended_.reset();
    while (!written_.empty() && written_.front().sequence <= sequence) {
      const Written front = written_.front();
      written_.pop_front();
      auto record = calls_.find(front.call_id);
      // Else it was asked for again, and that answer is still to be read.
      if (record != calls_.end() &&
          record->second->sequence == front.sequence &&
          !record->second->queued) {
        freed += KeptBytes(record->second->result);
        ForgetLocked(front.call_id);
      }
    }
  }
  if (client_->ReleaseKept(freed)) client_->ResumeReceives();
  return absl::OkStatus();
}

void Attachment::ForgetLocked(uint64_t call_id) {
  if (ended_.has_value() && ended_->startup == call_id) ended_.reset();
  if (calls_.erase(call_id) > 0) {
    client_->UncountCall();
  }
}

void Attachment::SweepWrittenLocked() {
  std::deque<Written> awaited;
  for (const Written& entry : written_) {
    auto record = calls_.find(entry.call_id);
    if (record != calls_.end() && record->second->sequence == entry.sequence) {
      awaited.push_back(entry);
    }
  }
  written_.swap(awaited);
}

void Attachment::Finish(uint64_t call_id, CallResult result) {
  SessionMetrics* const metrics = environment_->metrics();
  const int64_t now_ns = metrics == nullptr ? 0 : SessionMetrics::Now();
  absl::MutexLock lock(&mu_);
  auto found = calls_.find(call_id);
  if (found == calls_.end() || found->second->done) return;
  CallRecord* record = found->second.get();
  record->done = true;
  if (metrics != nullptr) {
    metrics->ObserveCall(record->function, result.wsa_error,
                         now_ns - record->came_at_ns);
  }
  record->result = std::move(result);
  client_->usage().kept_bytes.fetch_add(KeptBytes(record->result),
                                        std::memory_order_relaxed);
  if (record->credit > 0) {
    client_->UncountQueued(record->credit);
    auto socket = sockets_.find(record->socket_id);
    if (socket != sockets_.end()) {
      uint32_t& queued = socket->second.queued_bytes;
      queued -= std::min(queued, record->credit);
    }
  }
  QueueLocked(call_id, record);
}

void Attachment::QueueLocked(uint64_t call_id, CallRecord* record) {
  record->queued = true;
  (record->result.payload == nullptr ? control_queue_ : payload_queue_)
      .push_back(call_id);
}

void Attachment::ReportPending(uint64_t call_id) {
  {
    absl::MutexLock lock(&mu_);
    auto found = calls_.find(call_id);
    if (found == calls_.end() || found->second->done) return;
    pending_notices_.push_back(call_id);
  }
  FlushResults();
}

void Attachment::FlushResults() { WriteNext(); }

void Attachment::WriteNext() {
  std::shared_ptr<FrameStream> stream;
  OutgoingFrame frame;
  {
    absl::MutexLock lock(&mu_);
    if (writing_ || running_calls_ || stream_ == nullptr) return;
    if (control_queue_.empty() && payload_queue_.empty() &&
        pending_notices_.empty() && notice_queue_.empty() &&
        !(ended_.has_value() && ended_->due)) {
      return;
    }
    frame = BuildFrameLocked();
    // Notices may have become obsolete, and results dropped.
    if (frame.parts.size() == 1 && frame.parts[0].head.empty()) return;
    writing_ = true;
    stream = stream_;
  }
  stream->Write(std::move(frame));
}

void Attachment::OnWritten(const FrameStream* stream) {
  {
    absl::MutexLock lock(&mu_);
    if (stream_.get() != stream) return;
    writing_ = false;
  }
  WriteNext();
}

OutgoingFrame Attachment::BuildFrameLocked() {
  OutgoingFrame frame;
  frame.parts.emplace_back();
  if (ended_.has_value() && ended_->due) AppendEndingLocked(&frame);
  for (uint64_t call_id : pending_notices_) {
    std::string notice;
    WireWriter(&notice).Fixed64(wire::Completion::kCallId, call_id);
    WireWriter(&notice).Varint(wire::Completion::kPending, 1);
    WireWriter(&frame.parts.back().head)
        .Bytes(wire::ServerFrame::kCompletions, notice);
  }
  pending_notices_.clear();
  // Control first, and payload up to one chunk; a frame has room for thousands
  // of results without payload.
  constexpr size_t kHeadBytes = kFrameBytes / 4;
  while (!control_queue_.empty() &&
         frame.parts.back().head.size() < kHeadBytes) {
    const uint64_t call_id = control_queue_.front();
    control_queue_.pop_front();
    AppendCompletionLocked(call_id, &frame);
  }
  size_t payload = 0;
  while (!payload_queue_.empty()) {
    const uint64_t call_id = payload_queue_.front();
    auto found = calls_.find(call_id);
    if (found != calls_.end()) {
      const size_t bytes = found->second->result.payload->size();
      if (payload > 0 && payload + bytes > kChunkBytes) break;
      payload += bytes;
    }
    payload_queue_.pop_front();
    AppendCompletionLocked(call_id, &frame);
  }
  // No notice overtakes a result without payload; one with payload it may.
  if (control_queue_.empty()) AppendNoticesLocked(&frame);
  return frame;
}

void Attachment::AppendEndingLocked(OutgoingFrame* frame) {
  wsp::v1::Event event;
  event.mutable_registration_ended()->set_reason(ended_->reason);
  WireWriter(&frame->parts.back().head)
      .Bytes(wire::ServerFrame::kEvents, event.SerializeAsString());
  ended_->due = false;
  ended_->next_sequence = last_sequence_ + 1;
}

void Attachment::AppendCompletionLocked(uint64_t call_id,
                                        OutgoingFrame* frame) {
  auto found = calls_.find(call_id);
  if (found == calls_.end()) return;
  CallRecord* record = found->second.get();
  const CallResult& result = record->result;
  record->queued = false;
  if (record->request == wire::Call::kAccept ||
      record->request == wire::Call::kAcceptDecision) {
    // Perhaps for the socket that it has made.
    notice_queue_.insert(notice_queue_.end(), held_notices_.begin(),
                         held_notices_.end());
    held_notices_.clear();
  }
  // A client that asks for the same results again and again, and acknowledges
  // none, makes entries that the next one of the same call outdates.
  if (written_.size() >= kFewWritten + 2 * calls_.size()) SweepWrittenLocked();
  record->sequence = ++last_sequence_;
  written_.push_back({record->sequence, call_id});

  std::string head;
  WireWriter head_writer(&head);
  head_writer.Fixed64(wire::Completion::kCallId, call_id);
  head_writer.Varint(wire::Completion::kSequence, record->sequence);
  if (result.wsa_error != 0) {
    head_writer.Varint(wire::Completion::kWsaError, result.wsa_error);
    head_writer.Varint(wire::Completion::kLinuxErrno, result.linux_errno);
  }
  std::string payload_head;
  size_t payload_bytes = 0;
  if (result.payload != nullptr) {
    payload_bytes = result.payload->size();
    WireWriter(&payload_head).BytesHead(wire::RecvResult::kData, payload_bytes);
  }
  // A result without fields says nothing that the codes don't.
  if (!result.body.empty() || payload_bytes > 0 ||
      (result.wsa_error == 0 && record->request != 0)) {
    head_writer.BytesHead(
        record->request,
        result.body.size() + payload_head.size() + payload_bytes);
    head.append(result.body);
    head.append(payload_head);
  }
  std::string& out = frame->parts.back().head;
  WireWriter(&out).BytesHead(wire::ServerFrame::kCompletions,
                             head.size() + payload_bytes);
  out.append(head);
  if (payload_bytes > 0) {
    frame->parts.back().payload = result.payload;
    frame->parts.emplace_back();
  }
}

}  // namespace wspd
