#include "daemon/session/testing/session_harness.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "daemon/identity/process_key.h"

namespace wspd {
namespace {

constexpr absl::Duration kDeadline = absl::Minutes(1);

Peer OwnPeer(uid_t uid) {
  Peer peer;
  peer.identity.pid = getpid();
  peer.identity.uid = uid;
  peer.identity.start_time_ticks = 1;
  return peer;
}

}  // namespace

void RecordingStream::Write(OutgoingFrame frame) {
  std::string bytes;
  for (const OutgoingFrame::Part& part : frame.parts) {
    bytes += part.head;
    if (part.payload != nullptr) {
      bytes.append(part.payload->data(), part.payload->size());
    }
  }
  absl::MutexLock lock(&mu_);
  frames_.push_back(std::move(bytes));
}

void RecordingStream::End(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  ended_ = true;
  end_status_ = status;
}

wsp::v1::ServerFrame RecordingStream::NextFrame() {
  absl::MutexLock lock(&mu_);
  auto there = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return next_ < frames_.size();
  };
  if (!mu_.AwaitWithTimeout(absl::Condition(&there), kDeadline)) abort();
  wsp::v1::ServerFrame frame;
  if (!frame.ParseFromString(frames_[next_++])) abort();
  return frame;
}

bool RecordingStream::HasFrame() const {
  absl::MutexLock lock(&mu_);
  return next_ < frames_.size();
}

bool RecordingStream::ended() const {
  absl::MutexLock lock(&mu_);
  return ended_;
}

absl::Status RecordingStream::end_status() const {
  absl::MutexLock lock(&mu_);
  return end_status_;
}

IncomingFrame CutFrame(const std::string& bytes, size_t piece_bytes) {
  auto copy = std::make_shared<std::string>(bytes);
  IncomingFrame frame;
  for (size_t at = 0; at < copy->size(); at += piece_bytes) {
    frame.pieces.push_back(
        {&(*copy)[at], std::min(piece_bytes, copy->size() - at)});
  }
  frame.bytes = copy->size();
  frame.owner = std::move(copy);
  return frame;
}

SessionHarness::SessionHarness(const SessionLimits& limits, Resolver* resolver,
                               const UserLimits& user_limits, uid_t uid)
    : loop_(*EventLoop::Create("session")),
      lingerer_({}),
      lent_sockets_(LentSockets::Create({}, loop_.get())),
      policy_(PolicyStore::Create(RuleSet::None())),
      environment_({loop_.get()}, &lingerer_, resolver, absl::Minutes(1),
                   lent_sockets_.get(), nullptr, policy_.get(), user_limits),
      limits_(std::make_shared<LimitsInForce>(limits)),
      client_(std::make_shared<Client>(
          1, ProcessKey::Of(OwnPeer(uid).identity, ""), OwnPeer(uid), limits_,
          environment_.owners()->Of(ProcessKey::Of(OwnPeer(uid).identity, ""),
                                    OwnPeer(uid).identity),
          nullptr, nullptr, environment_.names()->Of(uid))) {}

SessionHarness::~SessionHarness() {
  for (const auto& attachment : client_->attachments()) {
    client_->RemoveAttachment(attachment.get());
  }
  lingerer_.ResetAll();
}

SessionHarness::Attached SessionHarness::Attach(
    wsp::v1::Personality personality) {
  wsp::v1::Hello hello;
  hello.mutable_version()->set_major(1);
  hello.set_personality(personality);
  hello.add_capabilities(wsp::v1::CAPABILITY_LENT);
  Attached attached;
  attached.attachment = std::make_shared<Attachment>(
      client_, std::string(16, 't'), hello, &environment_,
      environment_.AccessOf(client_->identity(), client_->key(),
                            client_->owner()));
  if (!client_->AddAttachment(attached.attachment)) abort();
  attached.stream = Resume(attached, 0);
  return attached;
}

void SessionHarness::DrainLoop() {
  absl::Notification done;
  loop_->Post([&done] { done.Notify(); });
  done.WaitForNotification();
}

std::shared_ptr<RecordingStream> SessionHarness::Resume(
    const Attached& attached, uint64_t ack_sequence) {
  auto stream = std::make_shared<RecordingStream>();
  if (!attached.attachment->Bind(stream, ack_sequence, wsp::v1::Welcome())
           .ok()) {
    abort();
  }
  stream->NextFrame();
  attached.attachment->OnWritten(stream.get());
  return stream;
}

absl::Status SessionHarness::SendBytes(const Attached& attached,
                                       const std::string& bytes,
                                       size_t piece_bytes) {
  absl::Status status = attached.attachment->BeginFrame(
      attached.stream.get(), CutFrame(bytes, piece_bytes), /*first=*/false);
  absl::StatusOr<bool> more = true;
  while (status.ok() && more.ok() && *more) {
    more = attached.attachment->RunCalls(attached.stream.get());
  }
  return status.ok() ? more.status() : status;
}

absl::Status SessionHarness::Send(const Attached& attached,
                                  const wsp::v1::ClientFrame& frame) {
  return SendBytes(attached, frame.SerializeAsString(), 7);
}

wsp::v1::Completion SessionHarness::Await(const Attached& attached,
                                          uint64_t call_id) {
  for (;;) {
    const wsp::v1::ServerFrame frame = attached.stream->NextFrame();
    attached.attachment->OnWritten(attached.stream.get());
    for (const wsp::v1::Completion& completion : frame.completions()) {
      if (completion.call_id() == call_id && !completion.pending()) {
        return completion;
      }
    }
  }
}

}  // namespace wspd
