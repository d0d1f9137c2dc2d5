#include "daemon/winsock/winsock_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/datagram_socket.h"
#include "daemon/winsock/stream_socket.h"
#include "daemon/wire/wire_writer.h"
#include "proto/wire_fields.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

// SO_SNDTIMEO or SO_RCVTIMEO, of synchronous calls that say nothing else: of a
// shared socket the other process may have set it.
uint32_t DefaultTimeout(const SocketOptions& options, Operation::Kind kind) {
  switch (kind) {
    case Operation::Kind::kSend:
    case Operation::Kind::kSendDatagram:
      return options.send_timeout;
    case Operation::Kind::kReceive:
    case Operation::Kind::kReceiveDatagram:
      return options.receive_timeout;
    default:
      return 0;
  }
}

}  // namespace

int WinsockSocket::Create(int family, int type, EventLoop* loop,
                          const Environment* environment,
                          std::shared_ptr<RateQuota> quota,
                          std::shared_ptr<WinsockSocket>* socket) {
  OwnedFd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno;
  if (family == AF_INET6) {
    // Winsock's default (reference, section 5.2).
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  std::shared_ptr<Socket> engine =
      Socket::Adopt(std::move(fd), loop, std::move(quota));
  if (type == SOCK_STREAM) {
    *socket =
        std::make_shared<StreamSocket>(std::move(engine), family, environment);
  } else {
    *socket = std::make_shared<DatagramSocket>(std::move(engine), family,
                                               environment);
  }
  return 0;
}

WinsockSocket::WinsockSocket(std::shared_ptr<Socket> engine, int family,
                             int type, const Environment* environment)
    : engine_(std::move(engine)),
      environment_(environment),
      family_(family),
      type_(type),
      opened_at_(absl::Now()) {}

WinsockSocket::~WinsockSocket() { delete events_.load(); }

void WinsockSocket::Handle(const SocketCall& call) {
  struct Entry {
    uint32_t request;
    Handler handler;
  };
  static constexpr Entry kHandlers[] = {
      {wire::Call::kCloseSocket, &WinsockSocket::Close},
      {wire::Call::kBind, &WinsockSocket::Bind},
      {wire::Call::kGetSockName, &WinsockSocket::GetSockName},
      {wire::Call::kGetPeerName, &WinsockSocket::GetPeerName},
      {wire::Call::kGetSockOpt, &WinsockSocket::GetSockOpt},
      {wire::Call::kSetSockOpt, &WinsockSocket::SetSockOpt},
      {wire::Call::kIoctl, &WinsockSocket::Ioctl},
      {wire::Call::kEnumNetworkEvents, &WinsockSocket::EnumNetworkEvents},
      {wire::Call::kReenableEvents, &WinsockSocket::ReenableEvents},
      {wire::Call::kEventSelect, &WinsockSocket::EventSelect},
      {wire::Call::kAsyncSelect, &WinsockSocket::AsyncSelect},
  };
  // The data path comes first.
  if (HandleOwn(call)) return;
  for (const Entry& entry : kHandlers) {
    if (entry.request == call->request) return (this->*entry.handler)(call);
  }
  call.Finish(WsaError(kWsaOpNotSupp));
}

// -------------------------------------------------------------- operations

std::unique_ptr<Operation> WinsockSocket::NewOperation(
    const SocketCall& call, Operation::Kind kind) const {
  auto operation = std::make_unique<Operation>();
  operation->kind = kind;
  operation->id = call->call_id;
  operation->sink = call.from();
  // Non-blocking mode doesn't apply to overlapped calls (section 4.3).
  operation->wait = call->overlapped || !nonblocking_;
  operation->report_parked = call->report_pending;
  operation->timeout_ms = call->timeout_ms;
  if (call->timeout_ms == 0 && !call->overlapped) {
    operation->timeout_ms = DefaultTimeout(options_, kind);
  }
  if (call->overlapped) operation->sink_flags = kOverlapped;
  return operation;
}

std::unique_ptr<Operation> WinsockSocket::NewBackgroundOperation(
    Operation::Kind kind) {
  auto operation = std::make_unique<Operation>();
  operation->kind = kind;
  operation->id = kNoCall;
  operation->sink = shared_from_this();
  operation->background = true;
  return operation;
}

CallResult WinsockSocket::CancelledResult(const Operation& operation) {
  const bool overlapped = (operation.sink_flags & kOverlapped) != 0;
  return CallResult(overlapped ? kWsaOperationAborted : kWsaIntr, ECANCELED);
}

void WinsockSocket::FinishAborted(
    SocketDescriptor* from,
    std::vector<std::unique_ptr<Operation>> operations) {
  for (auto& operation : operations) {
    if (operation->id == kNoCall) continue;
    CallResult result = CancelledResult(*operation);
    if (operation->kind == Operation::Kind::kSend && operation->sent > 0) {
      WireWriter(&result.body)
          .Varint(wire::SendResult::kBytesSent, operation->sent);
    }
    from->sink()->Finish(operation->id, std::move(result));
  }
}

void WinsockSocket::CountSent(uint64_t bytes) {
  bytes_sent_.fetch_add(bytes, std::memory_order_relaxed);
  environment_->bytes_sent.fetch_add(bytes, std::memory_order_relaxed);
}

void WinsockSocket::CountOperation(Operation::Kind kind, int error) {
  // Neither that it would have to wait nor that it was cancelled is the
  // socket's.
  if (error != 0) {
    if (error != EAGAIN && error != ECANCELED && error != EBADF) {
      last_errno_.store(error, std::memory_order_relaxed);
    }
    return;
  }
  switch (kind) {
    case Operation::Kind::kSendDatagram:
    case Operation::Kind::kSend:
      NoteActive();
      sends_.fetch_add(1, std::memory_order_relaxed);
      break;
    case Operation::Kind::kReceiveDatagram:
    case Operation::Kind::kReceive:
      NoteActive();
      receives_.fetch_add(1, std::memory_order_relaxed);
      break;
    default:
      break;
  }
}

void WinsockSocket::NoteActive() {
  // The time of the last tick, which is there to be read.
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  active_at_ns_.store(now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec,
                      std::memory_order_relaxed);
}

void WinsockSocket::Cancel(SocketDescriptor* from, uint64_t call_id) {
  if (engine_->Cancel(from, call_id, ECANCELED)) return;
  if (auto waits = change_waits(); waits && waits->Cancel(from, call_id)) {
    from->sink()->FlushResults();
    return;
  }
  CancelWait(from, call_id);
}

// ------------------------------------------------------------- descriptors

void WinsockSocket::AddDescriptor() {
  absl::MutexLock lock(&mu_);
  ++descriptors_;
}

bool WinsockSocket::RemoveDescriptor() {
  absl::MutexLock lock(&mu_);
  return --descriptors_ == 0;
}

WinsockSocket::Shared WinsockSocket::DescribeShared() const {
  absl::MutexLock lock(&mu_);
  return {family_, type_, creation_flags_, nonblocking_};
}

void WinsockSocket::SetCreationFlags(uint32_t flags) {
  absl::MutexLock lock(&mu_);
  creation_flags_ = flags;
}

bool WinsockSocket::AddHold() {
  absl::MutexLock lock(&mu_);
  if (descriptors_ == 0) return false;
  ++descriptors_;
  // The one client that may have the socket itself shares it now.
  engine_->Recall();
  return true;
}

void WinsockSocket::DropHold(const Lingerer::Owner& owner, HoldEnd end) {
  if (!RemoveDescriptor()) return;
  CancelEvents(nullptr, true);
  WithdrawChanges(nullptr, true, true);
  Remains remains = TakeRemains(engine_->Abandon().first);
  if (end == HoldEnd::kReset) {
    FinishAbort(std::move(remains), owner);
  } else {
    FinishDrop(std::move(remains), owner);
  }
}

WinsockSocket::Remains WinsockSocket::TakeRemains(OwnedFd fd) {
  absl::MutexLock lock(&mu_);
  return {std::move(address_), std::move(fd)};
}

std::vector<std::unique_ptr<Operation>> WinsockSocket::WithdrawOperations(
    SocketDescriptor* from) {
  std::vector<std::unique_ptr<Operation>> operations = engine_->Withdraw(from);
  for (const auto& operation : operations) OnWithdrawn(from, *operation);
  return operations;
}

void WinsockSocket::Close(const SocketCall& call) {
  SocketDescriptor* const from = call.from().get();
  bool last;
  {
    absl::MutexLock lock(&mu_);
    if (from->closed()) return call.Finish(WsaError(kWsaNotSock));
    // Not closed, unless nothing is left to wait for (section 4.8).
    if (descriptors_ == 1 && CloseWouldBlockLocked()) {
      return call.Finish(WsaError(kWsaWouldBlock));
    }
    if (!from->MarkClosed()) return call.Finish(WsaError(kWsaNotSock));
    last = --descriptors_ == 0;
  }
  CancelEvents(from, last);
  if (!last) {
    // The others go on with it.
    ReleaseHoldings(from, false);
    FinishAborted(from, WithdrawOperations(from));
    WithdrawChanges(from, false, false);
    NotifyObservers();
    from->sink()->RemoveSocket(from->socket_id());
    NoteClosed(from);
    return call.Finish(CallResult());
  }
  auto [fd, operations] = engine_->Abandon();
  ReleaseHoldings(from, true);
  FinishAborted(from, std::move(operations));
  WithdrawChanges(from, true, false);
  FinishClose(call, TakeRemains(std::move(fd)));
}

void WinsockSocket::Abort(SocketDescriptor* from) {
  const bool last = RemoveDescriptor();
  CancelEvents(from, last);
  if (!last) {
    ReleaseHoldings(from, false);
    WithdrawOperations(from);
    WithdrawChanges(from, false, true);
    return NoteClosed(from);
  }
  auto [fd, operations] = engine_->Abandon();
  ReleaseHoldings(from, true);
  WithdrawChanges(from, true, true);
  FinishAbort(TakeRemains(std::move(fd)), from->owner());
  NoteClosed(from);
}

// --------------------------------------------------------------- addresses

void WinsockSocket::GetSockName(const SocketCall& call) {
  {
    absl::MutexLock lock(&mu_);
    if (!bound_ || context_due_ == ContextDue::kAccept) {
      return call.Finish(WsaError(kWsaInval));
    }
  }
  wsp::v1::GetSockNameResult message;
  EncodeAddress(engine_->WithFd(&NetAddress::LocalOf),
                message.mutable_address());
  CallResult result;
  result.body = message.SerializeAsString();
  call.Finish(std::move(result));
}

void WinsockSocket::GetPeerName(const SocketCall& call) {
  wsp::v1::GetPeerNameResult message;
  {
    absl::MutexLock lock(&mu_);
    // Also while connecting and after the connection's end (section 5.2).
    if (peer_.empty() || context_due_ != ContextDue::kNone) {
      return call.Finish(WsaError(kWsaNotConn));
    }
    EncodeAddress(peer_, message.mutable_address());
  }
  CallResult result;
  result.body = message.SerializeAsString();
  call.Finish(std::move(result));
}

// ---------------------------------------------------------------- listings

void WinsockSocket::NoteLent(uint64_t cookie) {
  absl::MutexLock lock(&mu_);
  // Else it is another socket again.
  if (lent_) lent_cookie_.store(cookie, std::memory_order_relaxed);
}

int WinsockSocket::End(ForcedEnd /*how*/) {
  const int error = engine_->Abort();
  if (error == 0) NotifyObservers();
  return error;
}

void WinsockSocket::Describe(bool /*with_tcp*/, wsp::v1::Socket* out) const {
  out->set_protocol(type_ == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP);
  const auto waits = change_waits();
  out->set_pending_calls(engine_->waiting() +
                         (waits != nullptr ? waits->waiting() : 0));
  out->set_bytes_sent(bytes_sent_.load(std::memory_order_relaxed));
  out->set_bytes_received(engine_->received());
  out->set_sends(sends_.load(std::memory_order_relaxed));
  out->set_receives(receives_.load(std::memory_order_relaxed));
  out->set_last_errno(last_errno_.load(std::memory_order_relaxed));
  out->set_active_at_ns(active_at_ns_.load(std::memory_order_relaxed));
  out->set_opened_at_ns(absl::ToUnixNanos(opened_at_));
  absl::MutexLock lock(&mu_);
  if (lent_cookie() != 0) DescribeLentLocked(out);
  EncodeAddress(peer_, out->mutable_peer());
  if (bound_) {
    EncodeAddress(engine_->WithFd(&NetAddress::LocalOf), out->mutable_local());
  }
}

void WinsockSocket::DescribeLentLocked(wsp::v1::Socket* out) const {
  out->set_plane(plane());
  out->set_cookie(lent_cookie());
  out->set_operations_unknown(true);
  out->set_sends(0);
  out->set_receives(0);
  out->set_bytes_unknown(true);
  out->set_bytes_sent(0);
  out->set_bytes_received(0);
  out->set_active_at_ns(0);
}

}  // namespace wspd
