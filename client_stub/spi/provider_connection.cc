// Provider: the connection to the daemon, its making, breaking and resuming.
#include <algorithm>
#include <cstdint>

#include "client_stub/spi/provider.h"
#include "proto/wire_fields.h"

namespace wsp {

uint32_t Provider::EnsureConnected() {
  if (fd_ >= 0 || retry_at_ms_ != 0) return 0;
  breaks_in_a_row_ = 0;
  if (OpenConnection()) return 0;
  FailAll(WSAENETDOWN);
  return WSAENETDOWN;
}

bool Provider::OpenConnection() {
  attach_began_ms_ = NowMs();
  if (!TryConnect()) return false;
  // Whoever waits has a time to look at now; the caller may not wait.
  baton_.WakeAll();
  return true;
}

bool Provider::TryConnect() {
  const int fd = ConnectUnixSocket(ProviderSocketPath());
  retry_at_ms_ = fd == kQueueFull ? NowMs() + kRetryMs : 0;
  if (fd < 0) return fd == kQueueFull;
  fd_ = fd;
  io_ = std::make_unique<SocketIo>(fd_);
  // Always with the token, if there is one: a forgotten registration has to
  // show.
  const IoStatus status = attachment_.Connect(io_.get(), true);
  if (status == IoStatus::kBroken) {
    CloseConnection();
    return false;
  }
  baton_.SetConnection(fd_);
  baton_.WantWrite(status == IoStatus::kBlocked);
  return true;
}

void Provider::CloseConnection() {
  attachment_.Disconnect();
  retry_at_ms_ = 0;
  if (fd_ < 0) return;
  baton_.DropConnection();
  io_.reset();
  CloseUnixSocket(fd_);
  fd_ = -1;
}

void Provider::OnBroken() {
  const bool was_attached = attached();
  CloseConnection();
  // Only whether a startup or cleanup counted is still to be heard then.
  if (ended && FindCountingCall() == nullptr) return FailAll(WSAENETDOWN);
  const bool refused =
      !was_attached && attachment_.grpc_status() != Http2Client::kNoStatus;
  // Nobody waits: the next call will see to it.
  if (operations_.empty() && attachment_.unanswered() == 0 &&
      registered_ == 0) {
    return;
  }
  while (!refused && ++breaks_in_a_row_ <= kMostBreaksInARow) {
    if (OpenConnection()) return;
  }
  FailAll(WSAENETDOWN);
  TellOfEnd(false);
}

void Provider::Flush() {
  if (fd_ < 0) return;
  const IoStatus status = attachment_.Flush();
  if (status == IoStatus::kBroken) return OnBroken();
  baton_.WantWrite(status == IoStatus::kBlocked);
}

void Provider::ReadConnection(Waiter* reader) {
  if (fd_ < 0) return;
  reader_ = reader;
  const IoStatus status = attachment_.Read();
  if (status == IoStatus::kBroken) {
    OnBroken();
  } else if (attachment_.WantsWrite()) {
    Flush();
  }
  reader_ = nullptr;
}

void Provider::CatchUp() {
  if (fd_ >= 0 && !baton_.is_carried()) ReadConnection(nullptr);
}

int64_t Provider::attach_deadline() const {
  if (retry_at_ms_ != 0) return retry_at_ms_;
  return fd_ >= 0 && !attached() ? attach_began_ms_ + kAnswerMs : INT64_MAX;
}

void Provider::CheckAttachTime() {
  if (attach_deadline() == INT64_MAX || NowMs() < attach_deadline()) return;
  const bool over = NowMs() >= attach_began_ms_ + kAnswerMs;
  if (retry_at_ms_ != 0 && !over && TryConnect()) return;
  CloseConnection();
  FailAll(WSAENETDOWN);
  TellOfEnd(false);
}

void Provider::HangUp() {
  if (fd_ < 0 || !attached()) return CloseConnection();
  // First the answer to what is still unanswered (see EndRegistration), then
  // the last acknowledgement: the daemon keeps an attachment that it owes
  // something.
  bool finishing = false;
  const int64_t deadline = NowMs() + kGoodByeMs;
  Waiter* waiter = AcquireWaiter(true);
  while (waiter != nullptr && NowMs() < deadline) {
    if (!finishing && attachment_.unanswered() == 0) {
      attachment_.FinishSending();
      finishing = true;
    }
    if (attachment_.Flush() == IoStatus::kBroken) break;
    const size_t unanswered = attachment_.unanswered();
    if (attachment_.Read() == IoStatus::kBroken) break;
    if (attachment_.unanswered() < unanswered) continue;
    baton_.BeginWaiting(waiter);
    g_library.mutex.Unlock();
    waiter->Wait(static_cast<int>(std::max<int64_t>(deadline - NowMs(), 0)));
    g_library.mutex.Lock();
  }
  CloseConnection();
}

void Provider::OnAttached(bool resumed, uint64_t count) {
  g_library.mutex.AssertHeld();
  breaks_in_a_row_ = 0;
  startups_at_attach_ = count;
  if (was_attached_ && !resumed) {
    if (startups > 0) {
      lost = true;
      LoseSockets();
      TellOfEnd(true);
    }
    // The daemon that had the calls, if there was one, isn't this one.
    FailAll(WSAENETDOWN);
  }
  was_attached_ = true;
  for (Operation* operation = operations_.front(); operation != nullptr;) {
    Operation* next = operations_.Next(operation);
    if (operation->kind == Operation::Kind::kAttach) Complete(operation, 0);
    operation = next;
  }
}

void Provider::OnRegistrationEnded(uint32_t reason) {
  g_library.mutex.AssertHeld();
  if (reason == wire::RegistrationEnded::REASON_CLEANED_UP) {
    EndRegistration();
    return;
  }
  if (startups > 0) lost = true;
  LoseSockets();
  TellOfEnd(true);
  FailAll(WSAENETDOWN);
}

void Provider::OnAbandonedCleanup(bool final, uint64_t) {
  g_library.mutex.AssertHeld();
  if (owed_cleanups > 0) --owed_cleanups;
  if (final) EndRegistration();
}

void Provider::FailAll(uint32_t error) {
  attachment_.DropCalls();
  for (Operation* operation = operations_.front(); operation != nullptr;) {
    Operation* next = operations_.Next(operation);
    // Who waits for the attachment fails only with the connection.
    const bool goes_on = operation->kind == Operation::Kind::kWatch ||
                         (operation->kind == Operation::Kind::kAttach &&
                          attachment_.connected());
    if (!operation->done && !goes_on) {
      Complete(operation, error);
      FreeIfUnused(operation);
    }
    operation = next;
  }
}

}  // namespace wsp
