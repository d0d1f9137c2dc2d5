#include "daemon/server/attach_stream.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/base/log.h"
#include "daemon/quota/rate_quota.h"
#include "daemon/session/limits.h"
#include "daemon/wire/wire_reader.h"
#include "proto/wire_fields.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

// What a client has to read the last frame in before the end is forced on it.
constexpr std::chrono::milliseconds kTimeToRead(1000);

// A status that a gRPC client shows; the codes of Abseil are gRPC's.
grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  constexpr size_t kMaxMessage = 1024;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message().substr(0, kMaxMessage)));
}

// A slice that shares `payload`.
grpc::Slice ShareSlice(const std::shared_ptr<Bytes>& payload) {
  auto* owner = new std::shared_ptr<Bytes>(payload);
  return grpc::Slice(
      payload->data(), payload->size(),
      [](void* raw) { delete static_cast<std::shared_ptr<Bytes>*>(raw); },
      owner);
}

// Reads hello and acknowledgement of a first frame.
absl::Status ParseFirstFrame(const IncomingFrame& frame, wsp::v1::Hello* hello,
                             uint64_t* ack) {
  WireReader reader(frame.pieces);
  bool found = false;
  while (reader.Next()) {
    if (reader.field() == wire::ClientFrame::kHello) {
      found = true;
      if (!hello->ParseFromString(reader.ReadBytes().RemainingString())) {
        return absl::InvalidArgumentError("the hello doesn't parse");
      }
    } else if (reader.field() == wire::ClientFrame::kAckSequence) {
      *ack = reader.ReadVarint();
    } else {
      reader.Skip();
    }
  }
  if (!reader.ok())
    return absl::InvalidArgumentError("the frame doesn't parse");
  if (!found) {
    return absl::InvalidArgumentError("the first frame carries no hello");
  }
  return absl::OkStatus();
}

}  // namespace

void AttachStream::Expect(const Context* context, Queue* queue) {
  std::shared_ptr<AttachStream> stream(new AttachStream(context, queue));
  {
    absl::MutexLock lock(&stream->mu_);
    stream->self_ = stream;
    stream->AddTagLocked();
  }
  stream->server_context_.AsyncNotifyWhenDone(&stream->done_);
  context->service->RequestAttach(&stream->server_context_, &stream->stream_,
                                  queue->events.get(), queue->events.get(),
                                  &stream->start_);
}

AttachStream::AttachStream(const Context* context, Queue* queue)
    : context_(context), queue_(queue), stream_(&server_context_) {
  context_->population->Add();
}

AttachStream::~AttachStream() { context_->population->Remove(); }

void AttachStream::OnEvent(Tag::Event event, bool ok) {
  switch (event) {
    case Tag::Event::kStart:
      // Not ok: the server is shutting down, and `done_` will not come.
      if (ok) OnStart();
      break;
    case Tag::Event::kRead:
      if (ok) {
        OnRead();
      } else {
        OnClientGone();
      }
      break;
    case Tag::Event::kWrite:
      OnWritten(ok);
      break;
    case Tag::Event::kTurn:
      RunCalls();
      break;
    case Tag::Event::kRate:
      attachment_->quota()->EndWait();
      // Else the alarm was called off.
      if (ok) AwaitTurn();
      break;
    case Tag::Event::kFinish:
      break;
    case Tag::Event::kGiveUp:
      // Else the alarm was called off.
      if (ok) GiveUp();
      break;
    case Tag::Event::kDone:
      // However it ended: the attachment lets go of this stream.
      OnClientGone();
      break;
  }
  ReturnTag();
}

void AttachStream::ReturnTag() {
  std::shared_ptr<AttachStream> self;
  absl::Status status;
  {
    absl::MutexLock lock(&mu_);
    if (--tags_ > 0) return;
    self = std::move(self_);
    status = end_status_;
  }
  if (connection_ == nullptr) return;
  // The client had its way: it has some time for the next Attach. Otherwise it
  // is dead or broke the rules, and a child of it may hold on to the connection
  // for ever; unless another Attach is on it.
  LetGoOfConnection();
  if (!status.ok() && !connection_->attached()) connection_->Shutdown();
}

void AttachStream::LetGoOfConnection() {
  if (!std::exchange(counts_as_attach_, false)) return;
  context_->connections->OnAttachEnded(connection_.get());
}

void AttachStream::GiveUp() {
  server_context_.TryCancel();
  // gRPC goes on with a write that it has begun, and the last tag comes back
  // only then.
  LetGoOfConnection();
  if (!connection_->attached()) connection_->Shutdown();
}

void AttachStream::OnStart() {
  {
    // For `done_`, which comes from now on.
    absl::MutexLock lock(&mu_);
    AddTagLocked();
  }
  Expect(context_, queue_);
  connection_ = context_->connections->Find(server_context_.peer());
  if (connection_ == nullptr) {
    return End(absl::UnavailableError("the connection has ended"));
  }
  StartRead();
}

void AttachStream::StartRead() {
  absl::MutexLock lock(&mu_);
  if (finishing_) return;
  AddTagLocked();
  stream_.Read(&read_buffer_, &read_);
}

IncomingFrame AttachStream::TakeFrame() {
  IncomingFrame frame;
  frame.bytes = read_buffer_.Length();
  auto slices = std::make_shared<std::vector<grpc::Slice>>();
  (void)read_buffer_.Dump(slices.get());
  read_buffer_.Clear();
  for (const grpc::Slice& slice : *slices) {
    frame.pieces.push_back({const_cast<uint8_t*>(slice.begin()), slice.size()});
  }
  frame.owner = std::move(slices);
  return frame;
}

void AttachStream::OnRead() {
  IncomingFrame frame = TakeFrame();
  const bool first = attachment_ == nullptr;
  absl::Status status;
  if (frame.bytes > kFrameBytes) {
    status = absl::ResourceExhaustedError(
        absl::StrCat("a frame of ", frame.bytes, " bytes; at most ",
                     kFrameBytes, " are allowed"));
  }
  if (status.ok() && first) status = Greet(frame);
  if (status.ok())
    status = attachment_->BeginFrame(this, std::move(frame), first);
  if (!status.ok()) {
    if (attachment_ != nullptr) {
      context_->registry->EndForMisuse(attachment_, status);
    } else {
      static LogLimit limit(10);
      if (auto suppressed = limit.Admit()) {
        Log(LogLevel::kWarning, "attach refused",
            {{"pid", connection_->identity().pid},
             {"uid", connection_->identity().uid},
             {"cause", status.message()}},
            *suppressed);
      }
    }
    return End(status);
  }
  if (queue_->turns.HasToWait(client_id(), std::chrono::steady_clock::now())) {
    AwaitTurn();
  } else {
    RunCalls();
  }
  if (context_->break_after_frames != 0 &&
      ++frames_ % context_->break_after_frames == 0) {
    connection_->Shutdown();
  }
}

absl::Status AttachStream::Greet(const IncomingFrame& frame) {
  wsp::v1::Hello hello;
  uint64_t ack = 0;
  absl::Status status = ParseFirstFrame(frame, &hello, &ack);
  if (!status.ok()) return status;
  auto peer = connection_->CopyPeer();
  if (!peer.ok()) return peer.status();
  auto attachment = context_->registry->Attach(*std::move(peer), hello, ack,
                                               shared_from_this());
  if (!attachment.ok()) return attachment.status();
  attachment_ = *std::move(attachment);
  counts_as_attach_ = true;
  context_->connections->OnAttachBegun(connection_.get());
  return absl::OkStatus();
}

bool AttachStream::WaitsForRate() {
  RateQuota* const quota = attachment_->quota();
  if (quota == nullptr) return false;
  const absl::Duration wait = quota->CallWait();
  if (wait <= absl::ZeroDuration()) return false;
  attachment_->WriteResults();
  absl::MutexLock lock(&mu_);
  if (finishing_) return true;
  AddTagLocked();
  rate_alarm_.Set(queue_->events.get(),
                  absl::ToChronoTime(absl::Now() + quota->BeginWait(wait)),
                  &rate_);
  return true;
}

void AttachStream::RunCalls() {
  if (WaitsForRate()) return;
  const bool contended =
      queue_->turns.IsContended(client_id(), std::chrono::steady_clock::now());
  absl::StatusOr<bool> more = attachment_->RunCalls(
      this, contended ? Attachment::kShortTurn : Attachment::kTurn);
  if (!more.ok()) {
    context_->registry->EndForMisuse(attachment_, more.status());
    return End(more.status());
  }
  if (!*more) {
    turns_of_frame_ = 0;
    return StartRead();
  }
  if (contended &&
      queue_->turns.OnUnfinished(client_id(), ++turns_of_frame_,
                                 std::chrono::steady_clock::now())) {
    attachment_->WriteResults();
  }
  AwaitTurn();
}

void AttachStream::AwaitTurn() {
  absl::MutexLock lock(&mu_);
  if (finishing_) return;
  AddTagLocked();
  queue_->turns.Add(client_id(), this);
}

void AttachStream::Write(OutgoingFrame frame) {
  std::vector<grpc::Slice> slices;
  slices.reserve(2 * frame.parts.size());
  for (const OutgoingFrame::Part& part : frame.parts) {
    if (!part.head.empty()) slices.emplace_back(part.head);
    if (part.payload != nullptr) slices.push_back(ShareSlice(part.payload));
  }
  const grpc::ByteBuffer buffer(slices.data(), slices.size());
  absl::MutexLock lock(&mu_);
  if (finishing_ || end_wanted_) return;
  writing_ = true;
  AddTagLocked();
  stream_.Write(buffer, &write_);
}

void AttachStream::OnWritten(bool ok) {
  {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    if (end_wanted_) return FinishLocked(end_status_);
  }
  if (ok && attachment_ != nullptr) attachment_->OnWritten(this);
}

void AttachStream::End(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  if (finishing_ || end_wanted_) return;
  end_wanted_ = true;
  end_status_ = status;
  if (!writing_) return FinishLocked(status);
  // The status follows the write; a client that doesn't read gets neither.
  AddTagLocked();
  end_alarm_.Set(queue_->events.get(),
                 std::chrono::system_clock::now() + kTimeToRead, &give_up_);
}

void AttachStream::FinishLocked(const absl::Status& status) {
  if (finishing_) return;
  finishing_ = true;
  end_alarm_.Cancel();
  rate_alarm_.Cancel();
  AddTagLocked();
  stream_.Finish(ToGrpc(status), &finish_);
}

void AttachStream::OnClientGone() {
  if (std::exchange(client_gone_, true)) return;
  if (attachment_ != nullptr) {
    context_->registry->OnStreamEnded(attachment_, this);
  }
  absl::MutexLock lock(&mu_);
  if (!writing_) return FinishLocked(absl::OkStatus());
  end_wanted_ = true;
}

}  // namespace wspd
