#include "daemon/session/attachment.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/base/log.h"
#include "daemon/session/limits.h"
#include "daemon/session/startup.h"
#include "daemon/winsock/wsa_error.h"
#include "daemon/wire/wire_writer.h"
#include "proto/wire_fields.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

constexpr size_t kClientNameBytes = 64;

// Those that the client asks for.
OfferedPlanes PlanesInForce(const wsp::v1::Hello& hello,
                            const OfferedPlanes& offered) {
  const auto in_force = NegotiateCapabilities(hello, offered);
  return {absl::c_linear_search(in_force, wsp::v1::CAPABILITY_RELAYED),
          absl::c_linear_search(in_force, wsp::v1::CAPABILITY_LENT)};
}

bool SaysFarewell(const wsp::v1::Hello& hello) {
  return absl::c_linear_search(NegotiateCapabilities(hello, OfferedPlanes()),
                               wsp::v1::CAPABILITY_FAREWELL);
}

}  // namespace

Attachment::Attachment(std::shared_ptr<Client> client, std::string token,
                       const wsp::v1::Hello& hello,
                       const SessionEnvironment* environment,
                       std::shared_ptr<const ClientAccess> access)
    : client_(std::move(client)),
      token_(std::move(token)),
      client_name_(hello.client_name().substr(0, kClientNameBytes)),
      version_(NegotiateVersion(hello.version())),
      personality_(hello.personality()),
      environment_(environment),
      access_(std::move(access)),
      planes_(PlanesInForce(
          hello, environment->PlanesFor(*access_, client_->quota().get(),
                                        client_->owner()->uid))),
      says_farewell_(SaysFarewell(hello)),
      lookups_(environment->resolver(), &client_->usage().lookups,
               client_->limits_in_force(), access_, client_->names()) {}

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
    if (retired_) return absl::NotFoundError("the attachment has ended");
    old = std::exchange(stream_, stream);
    writing_ = true;
    running_calls_ = false;
    written_.clear();
    last_sequence_ = 0;
    // What was not acknowledged is written again when it is asked for.
    control_queue_.clear();
    payload_queue_.clear();
    pending_notices_.clear();
    for (auto& [id, record] : calls_) {
      record->queued = false;
      record->sequence = 0;
    }
    if (ended_.has_value()) {
      ended_->next_sequence = UINT64_MAX;
      // Else it is when that startup's result is asked for again.
      ended_->due = ended_->startup == 0;
      // With the welcome, before anything is repeated or begun.
      if (ended_->due) AppendEndingLocked(&frame);
    }
    RepeatNoticesLocked();
  }
  cancels_to_run_.clear();
  next_cancel_ = 0;
  calls_to_run_.clear();
  next_call_ = 0;
  unwritten_ = {};
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
  // Its sockets are the program's, and live on by themselves.
  if (is_linux()) return false;
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
  return !retired_ && stream_.get() == stream;
}

absl::Status Attachment::ParseCancel(WireReader reader, uint64_t* call_id) {
  *call_id = 0;
  while (reader.Next()) {
    if (reader.field() == wire::Cancel::kCallId) {
      *call_id = reader.ReadFixed64();
    } else {
      reader.Skip();
    }
  }
  if (!reader.ok()) return absl::InvalidArgumentError("a cancel doesn't parse");
  return absl::OkStatus();
}

absl::Status Attachment::BeginFrame(const FrameStream* stream,
                                    IncomingFrame frame, bool first) {
  absl::MutexLock run_lock(&run_mu_);
  if (!IsPresent(stream)) return absl::OkStatus();
  frame_ = std::move(frame);
  cancels_to_run_.clear();
  next_cancel_ = 0;
  calls_to_run_.clear();
  next_call_ = 0;
  uint64_t ack = 0;
  WireReader reader(frame_.pieces);
  while (reader.Next()) {
    switch (reader.field()) {
      case wire::ClientFrame::kAckSequence:
        ack = reader.ReadVarint();
        break;
      case wire::ClientFrame::kCancels: {
        uint64_t id;
        if (auto status = ParseCancel(reader.ReadBytes(), &id); !status.ok()) {
          return status;
        }
        cancels_to_run_.push_back(id);
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
  return first ? absl::OkStatus() : Acknowledge(ack);
}

absl::StatusOr<bool> Attachment::RunCalls(const FrameStream* stream,
                                          const Turn& turn) {
  absl::MutexLock run_lock(&run_mu_);
  if (!IsPresent(stream)) return false;
  {
    absl::MutexLock lock(&mu_);
    running_calls_ = true;
  }
  absl::Status status;
  size_t calls = 0;
  size_t bytes = 0;
  // Of the call that is next; read for the turn's sake.
  int64_t now_ns = SessionMetrics::Now();
  const int64_t end_ns = now_ns + std::chrono::nanoseconds(turn.time).count();
  if (unwritten_.calls == 0) unwritten_.since_ns = now_ns;
  while (next_cancel_ < cancels_to_run_.size() && calls < turn.calls) {
    CancelCall(cancels_to_run_[next_cancel_++]);
    ++calls;
  }
  while (next_call_ < calls_to_run_.size() && calls < turn.calls &&
         bytes < turn.bytes && status.ok() &&
         (calls == 0 || (now_ns = SessionMetrics::Now()) < end_ns)) {
    const WireReader& call = calls_to_run_[next_call_++];
    bytes += call.remaining();
    ++calls;
    status = RunCall(call, now_ns);
  }
  const bool more = next_call_ < calls_to_run_.size() ||
                    next_cancel_ < cancels_to_run_.size();
  if (RateQuota* const held_to = quota()) {
    // A frame without any is one: it takes as much time.
    held_to->CountCalls(std::max<size_t>(calls, 1));
  }
  unwritten_.calls += calls;
  unwritten_.bytes += bytes;
  if (more && status.ok() && unwritten_.calls < kTurn.calls &&
      unwritten_.bytes < kTurn.bytes &&
      now_ns - unwritten_.since_ns <
          std::chrono::nanoseconds(kTurn.time).count()) {
    return true;
  }
  unwritten_ = {};
  if (!more) {
    // Nothing reads the frame any more; what waits in it has an owner.
    cancels_to_run_.clear();
    next_cancel_ = 0;
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

void Attachment::WriteResults() {
  {
    absl::MutexLock run_lock(&run_mu_);
    unwritten_ = {};
    absl::MutexLock lock(&mu_);
    running_calls_ = false;
  }
  WriteNext();
}

void Attachment::CancelCall(uint64_t call_id) {
  if (lookups_.Cancel(call_id) || selects_.Cancel(call_id)) {
    return Finish(call_id, CallResult(kWsaIntr, ECANCELED));
  }
  std::shared_ptr<SocketDescriptor> descriptor;
  uint64_t freed = 0;
  {
    absl::MutexLock lock(&mu_);
    auto found = calls_.find(call_id);
    if (found == calls_.end()) return;
    const CallRecord& record = *found->second;
    if (!record.done) {
      auto entry = sockets_.find(record.socket_id);
      if (entry == sockets_.end()) return;
      descriptor = entry->second.descriptor;
    } else if (!record.queued && record.sequence == 0) {
      // Kept over a resume, and nobody asks for it any more.
      freed = KeptBytes(record.result);
      ForgetLocked(call_id);
    }
  }
  if (descriptor != nullptr) return descriptor->Cancel(call_id);
  if (client_->ReleaseKept(freed)) client_->ResumeReceives();
}

// --------------------------------------------------------------- sockets

void Attachment::LogSocket(absl::string_view event, uint64_t socket_id) const {
  if (!LogEnabled(LogLevel::kDebug)) return;
  Log(LogLevel::kDebug, event,
      {{"client", client_->id()},
       {"pid", client_->identity().pid},
       {"socket", absl::Hex(socket_id, absl::kZeroPad16)}});
}

int Attachment::ReserveSocket() {
  if (client_->startups() == 0) return ESHUTDOWN;
  return client_->CountSocket();
}

void Attachment::ReleaseSockets(uint32_t count) {
  client_->UncountSockets(count);
}

std::shared_ptr<void> Attachment::ReserveChangeRequest() {
  std::atomic<uint32_t>* const requests = &client_->usage().change_requests;
  if (requests->fetch_add(1, std::memory_order_relaxed) >=
      client_->limits().change_requests_per_client) {
    requests->fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
  }
  // A request of a shared socket may outlive the attachment.
  return std::shared_ptr<void>(requests, [client = client_](void* count) {
    static_cast<std::atomic<uint32_t>*>(count)->fetch_sub(
        1, std::memory_order_relaxed);
  });
}

int Attachment::AddSocket(uint64_t socket_id,
                          std::shared_ptr<SocketDescriptor> descriptor) {
  {
    absl::MutexLock lock(&mu_);
    if (retired_) return ESHUTDOWN;
    if (socket_id == 0) return EINVAL;
    if (const int error = ReserveSocket(); error != 0) return error;
    if (!sockets_.try_emplace(socket_id, SocketEntry{std::move(descriptor)})
             .second) {
      ReleaseSockets(1);
      return EINVAL;
    }
  }
  LogSocket("socket opened", socket_id);
  return 0;
}

std::shared_ptr<SocketDescriptor> Attachment::FindSocket(
    uint64_t socket_id) const {
  absl::MutexLock lock(&mu_);
  auto found = sockets_.find(socket_id);
  return found == sockets_.end() ? nullptr : found->second.descriptor;
}

void Attachment::RemoveSocket(uint64_t socket_id) {
  SocketEntry removed;
  {
    absl::MutexLock lock(&mu_);
    auto found = sockets_.find(socket_id);
    if (found == sockets_.end()) return;
    removed = std::move(found->second);
    sockets_.erase(found);
    client_->UncountSockets(1);
  }
  LogSocket("socket closed", socket_id);
}

bool Attachment::Retire() {
  std::shared_ptr<DescriptorSink> descriptors;
  {
    absl::MutexLock lock(&mu_);
    retired_ = true;
    descriptors = std::move(descriptors_);
  }
  if (descriptors != nullptr) descriptors->Close();
  return DropAll(0);
}

void Attachment::AddStartups(int64_t startups, uint64_t call_id) {
  // Neither honest count comes near; neither may wrap round.
  constexpr int64_t kMost = int64_t{1} << 62;
  net_startups_ = std::min(net_startups_ + std::min(startups, kMost), kMost);
  if (startups <= 0) return;
  finished_.store(false, std::memory_order_relaxed);
  absl::MutexLock lock(&mu_);
  if (ended_.has_value() && ended_->startup == 0) ended_->startup = call_id;
}

bool Attachment::IsPending(uint64_t call_id) const {
  absl::MutexLock lock(&mu_);
  auto found = calls_.find(call_id);
  return found != calls_.end() && !found->second->done;
}

bool Attachment::DropAll(uint64_t except_call) {
  finished_.store(true, std::memory_order_relaxed);
  net_startups_ = 0;
  uint64_t freed = 0;
  absl::flat_hash_map<uint64_t, SocketEntry> sockets;
  absl::flat_hash_map<uint64_t, std::unique_ptr<CallRecord>> calls;
  {
    absl::MutexLock lock(&mu_);
    sockets.swap(sockets_);
    calls.swap(calls_);
    client_->UncountSockets(static_cast<uint32_t>(sockets.size()));
    control_queue_.clear();
    payload_queue_.clear();
    pending_notices_.clear();
    // Who isn't told of this end by an event is by the answer to its cleanup.
    ended_.reset();
    for (auto& [id, record] : calls) {
      // Whoever cleans up has to hear whether that counted, also if the final
      // cleanup of another attachment came right behind it. Where that was said
      // and perhaps not read, the client asks again: what is forgotten by then
      // would count a second time.
      const bool to_be_heard =
          id == except_call ||
          (record->request == wire::Call::kCleanup && !retired_);
      if (to_be_heard) {
        if (record->queued) QueueLocked(id, record.get());
        calls_.emplace(id, std::move(record));
        continue;
      }
      client_->UncountCall();
      if (record->done) {
        freed += KeptBytes(record->result);
      } else {
        client_->UncountQueued(record->credit);
      }
    }
    ForgetNoticesLocked();
    SweepWrittenLocked();
  }
  lookups_.CancelAll();
  selects_.CancelAll();
  for (auto& [id, entry] : sockets) {
    entry.descriptor->Abort();
    LogSocket("socket reset", id);
  }
  if (client_->usage().tickets.load(std::memory_order_relaxed) > 0) {
    environment_->tickets()->RevokeOf(this);
  }
  return client_->ReleaseKept(freed);
}

void Attachment::ReportRegistrationEnded(
    wsp::v1::RegistrationEnded::Reason reason) {
  {
    absl::MutexLock lock(&mu_);
    ended_ = Ending{reason};
    // It is due at once: the stream may be ended next.
    running_calls_ = false;
  }
  WriteNext();
}

std::vector<std::shared_ptr<SocketDescriptor>> Attachment::Descriptors() const {
  std::vector<std::shared_ptr<SocketDescriptor>> descriptors;
  absl::MutexLock lock(&mu_);
  descriptors.reserve(sockets_.size());
  for (const auto& [id, entry] : sockets_) {
    descriptors.push_back(entry.descriptor);
  }
  return descriptors;
}

void Attachment::ResumeReceives() {
  for (auto& descriptor : Descriptors()) descriptor->Poke();
}

bool Attachment::MayReceive() const {
  // Both in the order that Client::ReleaseKept() is of.
  const uint64_t limit = client_->limits().kept_bytes_per_client;
  return client_->usage().kept_bytes.load(std::memory_order_seq_cst) < limit;
}

// -------------------------------------------------------------- listings

void Attachment::Describe(wsp::v1::Client* out) const {
  // A process may have both.
  if (out->personality() != wsp::v1::PERSONALITY_WINSOCK) {
    out->set_personality(personality_);
  }
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

void Attachment::DescribeSockets(bool with_tcp,
                                 std::vector<wsp::v1::Socket>* out) const {
  for (const auto& descriptor : Descriptors()) {
    wsp::v1::Socket& entry = out->emplace_back();
    descriptor->Describe(with_tcp, &entry);
    entry.set_client_id(client_->id());
    entry.set_pid(client_->identity().pid);
    entry.set_uid(client_->identity().uid);
  }
}

}  // namespace wspd
