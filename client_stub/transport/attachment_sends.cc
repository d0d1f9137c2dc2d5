// Attachment: sends, and the lanes and jobs that they wait in.
#include <algorithm>
#include <utility>

#include "client_stub/transport/attachment.h"

namespace wsp {
namespace {

// MSG_OOB, as Winsock numbers it.
constexpr uint32_t kUrgentFlag = 1;

void CopyPayloadOf(Call* call) {
  if (call->payload_bytes == 0 || !call->payload_copy.empty()) return;
  call->payload_copy.reserve(call->payload_bytes);
  for (const ByteView& view : call->payload) {
    call->payload_copy.insert(call->payload_copy.end(), view.data,
                              view.data + view.size);
  }
  call->payload.assign(
      1, ByteView{call->payload_copy.data(), call->payload_copy.size()});
}

}  // namespace

void Attachment::AddLane(SendLane* lane) { lanes_.PushBack(lane); }

void Attachment::RemoveLane(SendLane* lane) {
  while (SendJob* job = lane->jobs.front()) {
    if (Call* call = job->behind) {
      Remove(call);
      Recycle(call);
    } else {
      EndJob(lane, job);
    }
  }
  for (Call* call : calls_.All()) {
    if (call->lane == lane) call->lane = nullptr;
  }
  credit_.RemoveLane(*lane);
  Unlink<InReadyLanes>(lane);
  Unlink<InAllLanes>(lane);
}

void Attachment::SubmitSend(SendLane* lane, SendJob* job) {
  lane->jobs.PushBack(job);
  UpdateLane(lane);
}

void Attachment::AddBlock(SendLane* lane, SendJob* job, ByteBuffer block) {
  job->blocks->waiting.push_back(std::move(block));
  UpdateLane(lane);
}

void Attachment::EndBlocks(SendLane* lane, SendJob* job) {
  job->total = job->handed_over;
  for (const ByteBuffer& block : job->blocks->waiting) {
    job->total += block.size();
  }
  job->total -= job->blocks->offset;
  if (job->all_handed_over()) EndJob(lane, job);
}

void Attachment::EndJob(SendLane* lane, SendJob* job) {
  Unlink<InLane>(job);
  UpdateLane(lane);
}

bool Attachment::CancelJob(SendLane* lane, SendJob* job) {
  EndJob(lane, job);
  // From the last to the first: what follows a gap must not be sent.
  std::vector<Call*> chunks;
  for (Call* call = job->outstanding.front(); call != nullptr;
       call = job->outstanding.Next(call)) {
    chunks.push_back(call);
  }
  for (size_t i = chunks.size(); i > 0; --i) Cancel(chunks[i - 1]);
  return job->outstanding.empty();
}

void Attachment::AbandonJob(SendLane* lane, SendJob* job) {
  CancelJob(lane, job);
  while (Call* call = job->outstanding.front()) {
    Abandon(call);
    --job->outstanding_count;
  }
}

void Attachment::CopyOutstanding(SendJob* job) {
  bool unwritten = false;
  for (Call* call = job->outstanding.front(); call != nullptr;
       call = job->outstanding.Next(call)) {
    CopyPayloadOf(call);
    unwritten |= call->message > written_;
  }
  if (unwritten && client_ != nullptr) client_->CopyPayload();
}

bool Attachment::LaneIsReady(const SendLane& lane, uint32_t* chunk) const {
  const SendJob* job = lane.jobs.front();
  *chunk = 0;
  if (job == nullptr || lane.paused) return false;
  if (job->behind != nullptr) return true;
  if (job->paused || job->outstanding_count >= job->max_outstanding) {
    return false;
  }
  uint64_t left = job->total - job->handed_over;
  if (job->blocks != nullptr) {
    if (job->blocks->waiting.empty()) return false;
    left = job->blocks->waiting.front().size() - job->blocks->offset;
  }
  if (job->datagram) {
    *chunk = static_cast<uint32_t>(left);
    return credit_.MaySendWhole(lane, *chunk);
  }
  return credit_.NextChunk(lane, left, chunk);
}

SendLane* Attachment::NextLane(uint32_t* chunk) {
  while (SendLane* lane = ready_lanes_.front()) {
    // It was ready; others may have taken the credit meanwhile.
    if (LaneIsReady(*lane, chunk)) {
      const bool goes = lane->jobs.front()->behind != nullptr
                            ? handed_over_calls_ < Calls(8)
                            : SendsMayGo() && credit_.Covers(*chunk);
      return goes ? lane : nullptr;
    }
    Unlink<InReadyLanes>(lane);
  }
  return nullptr;
}

bool Attachment::MaySendAtOnce(const SendLane& lane, const SendJob& job) const {
  if (!SendsMayGo() || !lane.jobs.empty()) return false;
  if (job.datagram) {
    const auto bytes = static_cast<uint32_t>(job.total);
    return credit_.MaySendWhole(lane, bytes) && credit_.Covers(bytes);
  }
  uint32_t chunk;
  return credit_.NextChunk(lane, job.total, &chunk) && credit_.Covers(chunk);
}

void Attachment::UpdateLane(SendLane* lane) {
  const auto node = static_cast<ListNode<InReadyLanes>*>(lane);
  uint32_t chunk;
  const bool ready = LaneIsReady(*lane, &chunk);
  if (ready == node->linked()) return;
  if (ready) {
    ready_lanes_.PushBack(lane);
  } else {
    node->Unlink();
  }
}

uint32_t Attachment::TimeLeftMs(const SendJob& job) const {
  if (job.deadline_ms == INT64_MAX) return 0;
  return static_cast<uint32_t>(std::clamp<int64_t>(
      job.deadline_ms - observer_->TimeMs(), 1, UINT32_MAX));
}

Call* Attachment::NextChunk(SendLane* lane, uint32_t size) {
  SendJob* job = lane->jobs.front();
  CallHeader header;
  header.socket_id = lane->socket_id;
  header.overlapped = job->overlapped;
  header.timeout_ms = TimeLeftMs(*job);
  Call* call = NewCall(job->owner, header);
  if (job->named) {
    AppendSendTo(&call->bytes, job->flags, job->to, job->control, size);
  } else {
    // Of urgent data the last byte alone is.
    const bool is_last = job->handed_over + size == job->total;
    AppendSend(&call->bytes, is_last ? job->flags : job->flags & ~kUrgentFlag,
               job->datagram ? 0 : lane->next_offset, size);
  }
  call->lane = lane;
  call->job = job;
  call->job_offset = job->handed_over;
  call->payload_bytes = size;
  if (job->blocks != nullptr) {
    TakeFromBlocks(job, size, call);
  } else {
    TakeFromBuffers(job, size, call);
  }
  job->begun = true;
  job->handed_over += size;
  job->outstanding.PushBack(call);
  ++job->outstanding_count;
  lane->next_offset += size;
  call->credit = credit_.Take(lane, size);
  if (job->all_handed_over()) Unlink<InLane>(job);
  return call;
}

void Attachment::TakeFromBuffers(SendJob* job, uint32_t size, Call* call) {
  for (uint32_t left = size; left > 0;) {
    const ByteView& buffer = job->buffers[job->next_buffer];
    const auto taken = static_cast<uint32_t>(
        std::min<size_t>(left, buffer.size - job->next_offset));
    if (taken > 0) {
      call->payload.push_back({buffer.data + job->next_offset, taken});
    }
    left -= taken;
    job->next_offset += taken;
    if (job->next_offset == buffer.size) {
      ++job->next_buffer;
      job->next_offset = 0;
    }
  }
}

void Attachment::TakeFromBlocks(SendJob* job, uint32_t size, Call* call) {
  SendBlocks* const blocks = job->blocks;
  ByteBuffer& block = blocks->waiting.front();
  const size_t end = blocks->offset + size;
  const bool whole = end == block.size();
  if (whole && blocks->offset == 0) {
    call->payload_copy = std::move(block);
  } else {
    const auto begin = block.begin();
    call->payload_copy.assign(begin + static_cast<ptrdiff_t>(blocks->offset),
                              begin + static_cast<ptrdiff_t>(end));
  }
  blocks->offset = end;
  if (whole) {
    blocks->waiting.pop_front();
    blocks->offset = 0;
  }
  if (size > 0) call->payload.push_back({call->payload_copy.data(), size});
}

}  // namespace wsp
