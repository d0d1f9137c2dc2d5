#include "daemon/session/attachment.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/session/limits.h"
#include "daemon/session/startup.h"
#include "daemon/winsock/wsa_error.h"
#include "daemon/wire/wire_writer.h"
#include "proto/wire_fields.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

// How much of a frame is worked on before others have their turn.
constexpr size_t kCallsPerTurn = 64;
constexpr size_t kBytesPerTurn = 256 << 10;
// What a kept result costs beyond its payload.
constexpr uint64_t kResultOverhead = 64;
constexpr size_t kClientNameBytes = 64;

uint64_t KeptBytes(const CallResult& result) {
  return kResultOverhead + result.body.size() +
         (result.payload == nullptr ? 0 : result.payload->capacity());
}

// The length of SendRequest.data and SendToRequest.data, which have one number.
size_t SendPayloadBytes(WireReader request) {
  size_t bytes = 0;
  while (request.Next()) {
    if (request.field() == wire::SendRequest::kData) {
      bytes += request.ReadBytes().remaining();
    } else {
      request.Skip();
    }
  }
  return bytes;
}

bool IsSend(uint32_t request) {
  return request == wire::Call::kSend || request == wire::Call::kSendTo;
}

}  // namespace

Attachment::Attachment(std::shared_ptr<Client> client, std::string token,
                       const wsp::v1::Hello& hello,
                       const SessionEnvironment* environment)
    : client_(std::move(client)),
      token_(std::move(token)),
      client_name_(hello.client_name().substr(0, kClientNameBytes)),
      version_(NegotiateVersion(hello.version())),
      personality_(hello.personality()),
      environment_(environment) {}

Attachment::~Attachment() = default;

// --------------------------------------------------------------- streams

absl::Status Attachment::Bind(std::shared_ptr<FrameStream> stream,
                              uint64_t ack_sequence,
                              const wsp::v1::Welcome& welcome) {
  absl::MutexLock run_lock(&run_mu_);
  if (absl::Status status = Acknowledge(ack_sequence); !status.ok()) {
    return status;
  }
  std::shared_ptr<FrameStream> old;
  OutgoingFrame frame;
  frame.parts.emplace_back();
  WireWriter(&frame.parts[0].head)
      .Bytes(wire::ServerFrame::kWelcome, welcome.SerializeAsString());
  {
    absl::MutexLock lock(&mu_);
    old = std::exchange(stream_, stream);
    writing_ = true;
    running_calls_ = false;
    written_.clear();
    first_written_ = 1;
    // What was not acknowledged is written again when it is asked for.
    control_queue_.clear();
    payload_queue_.clear();
    pending_notices_.clear();
    for (auto& [id, record] : calls_) record->queued = false;
  }
  calls_to_run_.clear();
  next_call_ = 0;
  if (old != nullptr) {
    old->End(absl::AbortedError("another stream resumed this attachment"));
  }
  stream->Write(std::move(frame));
  return absl::OkStatus();
}

bool Attachment::Unbind(const FrameStream* stream) {
  std::shared_ptr<FrameStream> released;
  absl::MutexLock lock(&mu_);
  if (stream_.get() != stream) return false;
  released = std::move(stream_);
  stream_ = nullptr;
  return true;
}

bool Attachment::bound() const {
  absl::MutexLock lock(&mu_);
  return stream_ != nullptr;
}

bool Attachment::worth_keeping() const {
  if (client_->startups() > 0) return true;
  absl::MutexLock lock(&mu_);
  return !calls_.empty();
}

void Attachment::EndStream(const absl::Status& status) {
  std::shared_ptr<FrameStream> stream;
  {
    absl::MutexLock lock(&mu_);
    stream = stream_;
  }
  if (stream != nullptr) stream->End(status);
}

// ---------------------------------------------------------------- frames

bool Attachment::IsPresent(const FrameStream* stream) const {
  absl::MutexLock lock(&mu_);
  return stream_.get() == stream;
}

absl::Status Attachment::BeginFrame(const FrameStream* stream,
                                    IncomingFrame frame, bool first) {
  absl::MutexLock run_lock(&run_mu_);
  if (!IsPresent(stream)) return absl::OkStatus();
  frame_ = std::move(frame);
  calls_to_run_.clear();
  next_call_ = 0;
  uint64_t ack = 0;
  std::vector<uint64_t> cancels;
  WireReader reader(frame_.pieces);
  while (reader.Next()) {
    switch (reader.field()) {
      case wire::ClientFrame::kAckSequence:
        ack = reader.ReadVarint();
        break;
      case wire::ClientFrame::kCancels: {
        WireReader cancel = reader.ReadBytes();
        uint64_t id = 0;
        while (cancel.Next()) {
          if (cancel.field() == wire::Cancel::kCallId) {
            id = cancel.ReadFixed64();
          } else {
            cancel.Skip();
          }
        }
        if (!cancel.ok()) {
          return absl::InvalidArgumentError("a cancel doesn't parse");
        }
        cancels.push_back(id);
        break;
      }
      case wire::ClientFrame::kCalls:
        calls_to_run_.push_back(reader.ReadBytes());
        break;
      case wire::ClientFrame::kHello:
        if (!first) return absl::InvalidArgumentError("a second hello");
        reader.Skip();
        break;
      default:
        // A newer client's.
        reader.Skip();
    }
  }
  if (!reader.ok()) {
    return absl::InvalidArgumentError("the frame doesn't parse");
  }
  if (!first) {
    if (absl::Status status = Acknowledge(ack); !status.ok()) return status;
  }
  for (uint64_t id : cancels) CancelCall(id);
  if (!cancels.empty()) FlushResults();
  return absl::OkStatus();
}

absl::StatusOr<bool> Attachment::RunCalls(const FrameStream* stream) {
  absl::MutexLock run_lock(&run_mu_);
  if (!IsPresent(stream)) return false;
  {
    absl::MutexLock lock(&mu_);
    running_calls_ = true;
  }
  absl::Status status;
  size_t calls = 0;
  size_t bytes = 0;
  while (next_call_ < calls_to_run_.size() && calls < kCallsPerTurn &&
         bytes < kBytesPerTurn && status.ok()) {
    const WireReader& call = calls_to_run_[next_call_++];
    bytes += call.remaining();
    ++calls;
    status = RunCall(call);
  }
  const bool more = next_call_ < calls_to_run_.size();
  if (!more) {
    // Nothing reads the frame any more; what waits in it has an owner.
    calls_to_run_.clear();
    frame_ = IncomingFrame();
  }
  {
    absl::MutexLock lock(&mu_);
    running_calls_ = false;
  }
  WriteNext();
  if (!status.ok()) return status;
  return more;
}

absl::Status Attachment::Acknowledge(uint64_t sequence) {
  const uint64_t limit = client_->limits().kept_bytes_per_client;
  uint64_t freed = 0;
  uint64_t before;
  {
    absl::MutexLock lock(&mu_);
    if (sequence >= first_written_ + written_.size()) {
      if (sequence == 0) return absl::OkStatus();
      return absl::InvalidArgumentError(
          absl::StrCat("ack_sequence ", sequence,
                       " acknowledges a result that was never "
                       "written; the last one is ",
                       first_written_ + written_.size() - 1));
    }
    while (first_written_ <= sequence && !written_.empty()) {
      auto record = calls_.find(written_.front());
      if (record != calls_.end() && record->second->done &&
          !record->second->queued) {
        freed += KeptBytes(record->second->result);
        ForgetLocked(written_.front());
      }
      written_.pop_front();
      ++first_written_;
    }
    before =
        client_->usage().kept_bytes.fetch_sub(freed, std::memory_order_relaxed);
  }
  if (before >= limit && before - freed < limit) client_->ResumeReceives();
  return absl::OkStatus();
}

void Attachment::ForgetLocked(uint64_t call_id) {
  if (calls_.erase(call_id) > 0) {
    client_->usage().calls.fetch_sub(1, std::memory_order_relaxed);
  }
}

void Attachment::CancelCall(uint64_t call_id) {
  std::shared_ptr<WinsockSocket> socket;
  {
    absl::MutexLock lock(&mu_);
    auto record = calls_.find(call_id);
    if (record == calls_.end()) return;
    if (record->second->done) {
      // Kept over a resume, and nobody asks for it any more.
      const auto in_flight =
          std::find(written_.begin(), written_.end(), call_id);
      if (!record->second->queued && in_flight == written_.end()) {
        client_->usage().kept_bytes.fetch_sub(KeptBytes(record->second->result),
                                              std::memory_order_relaxed);
        ForgetLocked(call_id);
      }
      return;
    }
    auto entry = sockets_.find(record->second->socket_id);
    if (entry == sockets_.end()) return;
    socket = entry->second.socket;
  }
  socket->Cancel(call_id);
}

// ----------------------------------------------------------------- calls

absl::Status Attachment::ParseCall(WireReader reader, Call* call) {
  while (reader.Next()) {
    switch (reader.field()) {
      case wire::Call::kCallId:
        call->call_id = reader.ReadFixed64();
        break;
      case wire::Call::kSocketId:
        call->socket_id = reader.ReadFixed64();
        break;
      case wire::Call::kOverlapped:
        call->overlapped = reader.ReadVarint() != 0;
        break;
      case wire::Call::kReportPending:
        call->report_pending = reader.ReadVarint() != 0;
        break;
      case wire::Call::kTimeoutMs:
        call->timeout_ms = static_cast<uint32_t>(
            std::min<uint64_t>(reader.ReadVarint(), 0xffffffff));
        break;
      default:
        // The request, also one that this daemon has never heard of.
        if (reader.wire_type() == WireReader::kBytes) {
          call->request = reader.field();
          call->body = reader.ReadBytes();
        } else {
          reader.Skip();
        }
    }
  }
  if (!reader.ok()) return absl::InvalidArgumentError("a call doesn't parse");
  if (call->call_id == 0) {
    return absl::InvalidArgumentError("a call has no call_id");
  }
  return absl::OkStatus();
}

absl::Status Attachment::RunCall(WireReader reader) {
  Call call;
  if (absl::Status status = ParseCall(reader, &call); !status.ok()) {
    return status;
  }
  call.frame = frame_.owner;
  call.frame_bytes = frame_.bytes;
  environment_->CountCall();
  last_call_at_ns_.store(absl::GetCurrentTimeNanos(),
                         std::memory_order_relaxed);
  bool run = false;
  std::shared_ptr<WinsockSocket> socket;
  absl::Status status = Admit(call, &run, &socket);
  if (status.ok() && run) Dispatch(call, socket);
  return status;
}

absl::Status Attachment::Admit(const Call& call, bool* run,
                               std::shared_ptr<WinsockSocket>* socket) {
  absl::MutexLock lock(&mu_);
  auto [entry, inserted] = calls_.try_emplace(call.call_id);
  if (!inserted) {
    CallRecord* record = entry->second.get();
    if (record->done && !record->queued) QueueLocked(call.call_id, record);
    *run = false;
    return absl::OkStatus();
  }
  entry->second = std::make_unique<CallRecord>();
  CallRecord* record = entry->second.get();
  record->request = call.request;
  record->socket_id = call.socket_id;
  const uint32_t calls =
      client_->usage().calls.fetch_add(1, std::memory_order_relaxed) + 1;
  const uint32_t limit = client_->limits().calls_per_client;
  if (calls > limit) {
    // The refusals are kept too, so that these have a limit as well.
    if (calls > 2 * limit) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", 2 * limit, " unacknowledged calls"));
    }
    record->done = true;
    record->result = CallResult(kWsaNoBufs, ENOBUFS);
    client_->usage().kept_bytes.fetch_add(KeptBytes(record->result),
                                          std::memory_order_relaxed);
    QueueLocked(call.call_id, record);
    *run = false;
    return absl::OkStatus();
  }
  if (IsSend(call.request)) {
    if (absl::Status status = ChargeCredit(call, record); !status.ok()) {
      return status;
    }
  }
  if (call.socket_id != 0) {
    auto found = sockets_.find(call.socket_id);
    if (found != sockets_.end()) *socket = found->second.socket;
  }
  *run = true;
  return absl::OkStatus();
}

absl::Status Attachment::ChargeCredit(const Call& call, CallRecord* record) {
  const size_t bytes = SendPayloadBytes(call.body);
  if (bytes > kChunkBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a send of ", bytes, " bytes; at most ", kChunkBytes, " are one call"));
  }
  record->credit = static_cast<uint32_t>(bytes);
  Client::Usage& usage = client_->usage();
  const uint64_t limit = client_->limits().queued_bytes_per_client;
  if (usage.queued_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes >
      limit) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the client's credit of ", limit, " bytes of sends is exceeded"));
  }
  auto socket = sockets_.find(call.socket_id);
  if (socket == sockets_.end()) return absl::OkStatus();
  socket->second.queued_bytes += static_cast<uint32_t>(bytes);
  if (socket->second.queued_bytes > kSocketSendCreditBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a socket's credit of ", kSocketSendCreditBytes,
                     " bytes of sends is exceeded"));
  }
  return absl::OkStatus();
}

void Attachment::Dispatch(const Call& call,
                          const std::shared_ptr<WinsockSocket>& socket) {
  if (environment_->stopping() && call.request != wire::Call::kCleanup &&
      call.request != wire::Call::kCloseSocket) {
    return Finish(call.call_id, CallResult(kWsaNetDown, ENETDOWN));
  }
  if (call.request == wire::Call::kStartup) return Startup(call);
  if (client_->startups() == 0) {
    return Finish(call.call_id, CallResult(kWsaNotInitialised, EINVAL));
  }
  switch (call.request) {
    case wire::Call::kCleanup:
      return Cleanup(call);
    case wire::Call::kSocket:
      return MakeSocket(call);
    case wire::Call::kCancelBlockingCall:
      return CancelBlockingCall(call);
    default:
      break;
  }
  if (socket != nullptr) {
    socket->Handle(call);
  } else if (call.socket_id != 0) {
    Finish(call.call_id, CallResult(kWsaNotSock, ENOTSOCK));
  } else {
    Finish(call.call_id, CallResult(kWsaOpNotSupp, EOPNOTSUPP));
  }
}

void Attachment::Startup(const Call& call) {
  wsp::v1::StartupRequest request;
  if (!request.ParseFromString(call.body.RemainingString())) {
    return Finish(call.call_id, CallResult(kWsaInval, EINVAL));
  }
  wsp::v1::StartupResult message;
  if (!NegotiateWinsockVersion(request.version_requested(), &message)) {
    return Finish(call.call_id, CallResult(kWsaVerNotSupported, EINVAL));
  }
  const uint64_t startups = client_->Startup(request.owed_startups());
  if (startups == 0) {
    return Finish(call.call_id, CallResult(kWsaInval, EINVAL));
  }
  net_startups_.fetch_add(static_cast<int64_t>(request.owed_startups()) + 1,
                          std::memory_order_relaxed);
  finished_.store(false, std::memory_order_relaxed);
  message.set_startups(startups);
  CallResult result;
  result.body = message.SerializeAsString();
  Finish(call.call_id, std::move(result));
}

void Attachment::Cleanup(const Call& call) {
  uint64_t startups = 0;
  if (!client_->Cleanup(this, call.call_id, &startups)) {
    return Finish(call.call_id, CallResult(kWsaNotInitialised, EINVAL));
  }
  if (startups == 0) {
    net_startups_.store(0, std::memory_order_relaxed);
  } else {
    net_startups_.fetch_sub(1, std::memory_order_relaxed);
  }
  wsp::v1::CleanupResult message;
  message.set_startups(startups);
  message.set_final(startups == 0);
  CallResult result;
  result.body = message.SerializeAsString();
  Finish(call.call_id, std::move(result));
}

void Attachment::MakeSocket(const Call& call) {
  wsp::v1::SocketRequest request;
  if (!request.ParseFromString(call.body.RemainingString()) ||
      request.ticket() != 0) {
    return Finish(call.call_id, CallResult(kWsaInval, EINVAL));
  }
  int family;
  if (uint32_t error = CheckSocketRequest(request, &family); error != 0) {
    return Finish(call.call_id, CallResult(error, EINVAL));
  }
  std::shared_ptr<WinsockSocket> socket;
  int error = WinsockSocket::Create(family, environment_->NextLoop(),
                                    environment_->sockets(), shared_from_this(),
                                    call.socket_id, &socket);
  if (error == 0) {
    error = AddSocket(call.socket_id, socket);
    if (error != 0) socket->Abort();
  }
  if (error == ESHUTDOWN) {
    return Finish(call.call_id, CallResult(kWsaNotInitialised, EINVAL));
  }
  Finish(call.call_id, CallResult(WsaFromErrno(error), error));
}

void Attachment::CancelBlockingCall(const Call& call) {
  wsp::v1::CancelBlockingCallRequest request;
  if (!request.ParseFromString(call.body.RemainingString())) {
    return Finish(call.call_id, CallResult(kWsaInval, EINVAL));
  }
  CancelCall(request.call_id());
  Finish(call.call_id, CallResult());
}

// --------------------------------------------------------------- sockets

int Attachment::ReserveSocket() {
  if (client_->startups() == 0) return ESHUTDOWN;
  std::atomic<uint32_t>& sockets = client_->usage().sockets;
  if (sockets.fetch_add(1, std::memory_order_relaxed) >=
      client_->limits().sockets_per_client) {
    sockets.fetch_sub(1, std::memory_order_relaxed);
    return EMFILE;
  }
  return 0;
}

void Attachment::ReleaseSockets(uint32_t count) {
  client_->usage().sockets.fetch_sub(count, std::memory_order_relaxed);
}

int Attachment::AddSocket(uint64_t socket_id,
                          std::shared_ptr<WinsockSocket> socket) {
  absl::MutexLock lock(&mu_);
  if (socket_id == 0) return EINVAL;
  if (const int error = ReserveSocket(); error != 0) return error;
  if (!sockets_.try_emplace(socket_id, SocketEntry{std::move(socket), 0})
           .second) {
    ReleaseSockets(1);
    return EINVAL;
  }
  return 0;
}

void Attachment::RemoveSocket(uint64_t socket_id) {
  SocketEntry removed;
  absl::MutexLock lock(&mu_);
  auto found = sockets_.find(socket_id);
  if (found == sockets_.end()) return;
  removed = std::move(found->second);
  sockets_.erase(found);
  client_->usage().sockets.fetch_sub(1, std::memory_order_relaxed);
}

void Attachment::DropAll(uint64_t except_call) {
  finished_.store(true, std::memory_order_relaxed);
  absl::flat_hash_map<uint64_t, SocketEntry> sockets;
  absl::flat_hash_map<uint64_t, std::unique_ptr<CallRecord>> calls;
  {
    absl::MutexLock lock(&mu_);
    Client::Usage& usage = client_->usage();
    sockets.swap(sockets_);
    calls.swap(calls_);
    usage.sockets.fetch_sub(sockets.size(), std::memory_order_relaxed);
    usage.calls.fetch_sub(calls.size(), std::memory_order_relaxed);
    for (auto& [id, record] : calls) {
      if (record->done) {
        usage.kept_bytes.fetch_sub(KeptBytes(record->result),
                                   std::memory_order_relaxed);
      } else {
        usage.queued_bytes.fetch_sub(record->credit, std::memory_order_relaxed);
      }
    }
    if (auto caller = calls.find(except_call); caller != calls.end()) {
      usage.calls.fetch_add(1, std::memory_order_relaxed);
      calls_.emplace(except_call, std::move(caller->second));
      calls.erase(caller);
    }
    control_queue_.clear();
    payload_queue_.clear();
    pending_notices_.clear();
    first_written_ += written_.size();
    written_.clear();
  }
  for (auto& [id, entry] : sockets) entry.socket->Abort();
}

void Attachment::ReportRegistrationEnded(
    wsp::v1::RegistrationEnded::Reason reason) {
  wsp::v1::Event event;
  event.mutable_registration_ended()->set_reason(reason);
  {
    absl::MutexLock lock(&mu_);
    events_.push_back(event.SerializeAsString());
  }
  WriteNext();
}

void Attachment::ResumeReceives() {
  std::vector<std::shared_ptr<WinsockSocket>> sockets;
  {
    absl::MutexLock lock(&mu_);
    sockets.reserve(sockets_.size());
    for (auto& [id, entry] : sockets_) sockets.push_back(entry.socket);
  }
  for (auto& socket : sockets) socket->Poke();
}

bool Attachment::MayReceive() const {
  return client_->usage().kept_bytes.load(std::memory_order_relaxed) <
         client_->limits().kept_bytes_per_client;
}

// --------------------------------------------------------------- results

void Attachment::Finish(uint64_t call_id, CallResult result) {
  absl::MutexLock lock(&mu_);
  auto found = calls_.find(call_id);
  if (found == calls_.end() || found->second->done) return;
  CallRecord* record = found->second.get();
  record->done = true;
  record->result = std::move(result);
  Client::Usage& usage = client_->usage();
  usage.kept_bytes.fetch_add(KeptBytes(record->result),
                             std::memory_order_relaxed);
  if (record->credit > 0) {
    usage.queued_bytes.fetch_sub(record->credit, std::memory_order_relaxed);
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
        pending_notices_.empty() && events_.empty()) {
      return;
    }
    writing_ = true;
    stream = stream_;
    frame = BuildFrameLocked();
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
  for (const std::string& event : events_) {
    WireWriter(&frame.parts.back().head)
        .Bytes(wire::ServerFrame::kEvents, event);
  }
  events_.clear();
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
  return frame;
}

void Attachment::AppendCompletionLocked(uint64_t call_id,
                                        OutgoingFrame* frame) {
  auto found = calls_.find(call_id);
  if (found == calls_.end()) return;
  CallRecord* record = found->second.get();
  const CallResult& result = record->result;
  record->queued = false;
  const uint64_t sequence = first_written_ + written_.size();
  written_.push_back(call_id);

  std::string head;
  WireWriter head_writer(&head);
  head_writer.Fixed64(wire::Completion::kCallId, call_id);
  head_writer.Varint(wire::Completion::kSequence, sequence);
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

// -------------------------------------------------------------- listings

void Attachment::Describe(wsp::v1::Client* out) const {
  out->set_personality(personality_);
  *out->mutable_version() = version_;
  out->set_client_name(client_name_);
  out->set_last_call_at_ns(
      std::max<int64_t>(out->last_call_at_ns(),
                        last_call_at_ns_.load(std::memory_order_relaxed)));
  absl::MutexLock lock(&mu_);
  uint32_t pending = 0;
  for (const auto& [id, record] : calls_) pending += record->done ? 0 : 1;
  out->set_pending_calls(out->pending_calls() + pending);
}

Lingerer::Owner Attachment::OwnerOf(uint64_t socket_id) const {
  const PeerIdentity& identity = client_->identity();
  return {client_->id(), identity.pid, identity.uid, socket_id};
}

void Attachment::DescribeSockets(std::vector<wsp::v1::Socket>* out) const {
  std::vector<std::shared_ptr<WinsockSocket>> sockets;
  {
    absl::MutexLock lock(&mu_);
    sockets.reserve(sockets_.size());
    for (const auto& [id, entry] : sockets_) sockets.push_back(entry.socket);
  }
  for (const auto& socket : sockets) {
    wsp::v1::Socket& entry = out->emplace_back();
    socket->Describe(&entry);
    entry.set_client_id(client_->id());
    entry.set_pid(client_->identity().pid);
    entry.set_uid(client_->identity().uid);
  }
}

}  // namespace wspd
