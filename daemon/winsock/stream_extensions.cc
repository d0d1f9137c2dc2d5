// StreamSocket: what the extension functions ConnectEx, DisconnectEx and
// AcceptEx leave to it beyond connecting and accepting (reference,
// section 4.9).
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "daemon/socket/reset.h"
#include "daemon/winsock/kernel_options.h"
#include "daemon/winsock/stream_socket.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

// Winsock's numbers.
constexpr int kSolSocket = 0xffff;
constexpr int kSoUpdateAcceptContext = 0x700b;
constexpr int kSoUpdateConnectContext = 0x7010;

// What another connection makes news again. Changes of the network have nothing
// to do with it: those that are recorded stay so.
constexpr uint32_t kConnectionEvents =
    kAllNetworkEvents & ~(kFdRoutingInterfaceChange | kFdAddressListChange);

int SetReuseAddress(int fd, int on) {
  return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

// Binds `fd` where the connection of `old` still is, for as long as that lasts.
int BindBeside(int old, const NetAddress& address, int fd) {
  if (SetReuseAddress(old, 1) != 0 || SetReuseAddress(fd, 1) != 0) return errno;
  if (bind(fd, address.get(), address.size()) == 0) return 0;
  if (errno != EADDRINUSE) return errno;
  // The kernel lets connections to different peers share a port that none of
  // them was bound to. Bound again, it has to be another.
  const NetAddress other = address.WithPort(0);
  return bind(fd, other.get(), other.size()) == 0 ? 0 : errno;
}

}  // namespace

// ------------------------------------------------------------------- AcceptEx

void StreamSocket::AcceptEx(const SocketCall& call,
                            const wsp::v1::AcceptRequest& request) {
  {
    absl::MutexLock lock(&mu_);
    if (state_ != State::kListening) return call.Finish(WsaError(kWsaInval));
  }
  std::shared_ptr<SocketDescriptor> accepting =
      call.from()->sink()->FindSocket(request.accepted_socket_id());
  if (accepting == nullptr) return Refuse(call, kWsaNotSock, kFdAccept);
  auto* socket = dynamic_cast<StreamSocket*>(accepting->socket().get());
  if (socket == nullptr || socket->family() != family()) {
    return Refuse(call, kWsaInval, kFdAccept);
  }
  PendingAccept::Arguments arguments;
  arguments.call_id = call->call_id;
  arguments.report_pending = call->report_pending;
  arguments.max_bytes = request.max_bytes();
  arguments.no_address_room = request.no_address_room();
  auto pending =
      std::make_shared<PendingAccept>(call.from(), accepting, arguments);
  {
    // First: once it is reserved for, whoever closes that socket ends it.
    absl::MutexLock lock(&mu_);
    if (pending_accepts_ == nullptr) {
      pending_accepts_ = std::make_unique<PendingAccepts>();
    }
    pending_accepts_->emplace(pending.get(), pending);
  }
  if (!socket->ReserveForAccept(pending)) return pending->Refuse(EINVAL);
  // Whoever closes it may not have seen that it is reserved.
  if (accepting->closed()) return pending->Refuse(ENOTSOCK);
  pending->Start();
}

void StreamSocket::Forget(const PendingAccept* pending) {
  absl::MutexLock lock(&mu_);
  if (pending_accepts_ == nullptr) return;
  pending_accepts_->erase(pending);
}

bool StreamSocket::ReserveForAccept(std::shared_ptr<PendingAccept> pending) {
  absl::MutexLock lock(&mu_);
  if (state_ != State::kOpen || bound_ || reserved_by_ != nullptr) return false;
  reserved_by_ = std::move(pending);
  return true;
}

void StreamSocket::EndReservation(const PendingAccept* pending) {
  std::shared_ptr<PendingAccept> released;
  absl::MutexLock lock(&mu_);
  if (reserved_by_.get() == pending) released.swap(reserved_by_);
}

int StreamSocket::TakeConnection(const PendingAccept* pending,
                                 AcceptedConnection connection,
                                 uint64_t received) {
  const std::shared_ptr<WinsockSocket>& listener =
      pending->listener()->socket();
  AddressTable::Hold address =
      static_cast<StreamSocket*>(listener.get())->AddressForAccepted();
  const NetAddress local = NetAddress::LocalOf(connection.fd.get());
  {
    absl::MutexLock lock(&mu_);
    int error = engine()->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      if (fd < 0) return ECANCELED;
      // The kernel gave it the listener's options, which are this socket's only
      // when the context is updated.
      return KernelOptions::Of(fd).ApplyTo(connection.fd.get(), options_);
    });
    if (reserved_by_.get() != pending) error = ECANCELED;
    if (error != 0) {
      ResetAndClose(std::move(connection.fd));
      return error;
    }
    engine()->Exchange(std::move(connection.fd), received);
    environment()->bytes_received.fetch_add(received,
                                            std::memory_order_relaxed);
    state_ = State::kConnected;
    bound_ = true;
    accepted_ = true;
    context_due_ = ContextDue::kAccept;
    local_ = local;
    peer_ = connection.peer;
    NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_ACCEPTED, 0, "",
               pending->listener()->socket_id());
    connected_at_ = absl::Now();
    connect_ended_ = false;
    listener_ = listener;
    address_ = std::move(address);
  }
  // Another connection, of which everything is news.
  ReviewEvents(kConnectionEvents);
  NotifyObservers();
  return 0;
}

bool StreamSocket::CancelAccept(const SocketDescriptor* from,
                                uint64_t call_id) {
  std::shared_ptr<PendingAccept> found;
  {
    absl::MutexLock lock(&mu_);
    if (pending_accepts_ == nullptr) return false;
    for (const auto& [key, pending] : *pending_accepts_) {
      if (pending->listener() != from || pending->call_id() != call_id) {
        continue;
      }
      found = pending;
      break;
    }
  }
  if (found == nullptr) return false;
  found->End(PendingAccept::Ending::kPutBack);
  return true;
}

void StreamSocket::EndAccepts(const SocketDescriptor* from, bool last) {
  std::vector<std::shared_ptr<PendingAccept>> made;
  std::shared_ptr<PendingAccept> reserved;
  {
    absl::MutexLock lock(&mu_);
    if (pending_accepts_ != nullptr) {
      for (const auto& [key, pending] : *pending_accepts_) {
        if (pending->listener() == from) made.push_back(pending);
      }
    }
    if (reserved_by_ != nullptr &&
        (last || reserved_by_->accepting() == from)) {
      reserved = reserved_by_;
    }
  }
  for (const auto& pending : made) {
    // What a listener leaves unaccepted is reset; unless others share it.
    pending->End(last ? PendingAccept::Ending::kReset
                      : PendingAccept::Ending::kPutBack);
  }
  if (reserved != nullptr) reserved->End(PendingAccept::Ending::kReset);
}

void StreamSocket::PokeHoldings() {
  std::vector<std::shared_ptr<PendingAccept>> all;
  {
    absl::MutexLock lock(&mu_);
    if (pending_accepts_ == nullptr) return;
    for (const auto& [key, pending] : *pending_accepts_) all.push_back(pending);
  }
  for (const auto& pending : all) pending->Poke();
}

// ------------------------------------------------------------- disconnecting

void StreamSocket::DisconnectEx(const SocketCall& call) {
  wsp::v1::DisconnectExRequest request;
  if (!call.Parse(&request)) return;
  std::unique_ptr<Operation> operation;
  {
    absl::MutexLock lock(&mu_);
    if (state_ != State::kConnected) return call.Finish(WsaError(kWsaNotConn));
    operation = NewOperation(call, Operation::Kind::kShutdownSend);
    // What is sent from now on comes too late, unless this is cancelled.
    if (!std::exchange(send_shut_, true)) operation->sink_flags |= kEndsSending;
  }
  // Also on a non-blocking socket.
  operation->wait = true;
  if (request.reuse()) operation->sink_flags |= kReuse;
  engine()->Submit(std::move(operation));
}

CallResult StreamSocket::DisconnectResult(SocketDescriptor* from,
                                          const Operation& operation,
                                          const Outcome& outcome) {
  // The peer may have reset it; that is for the next receive to tell.
  if (outcome.error != 0 && outcome.error != ENOTCONN) {
    if ((operation.sink_flags & kEndsSending) != 0) {
      absl::MutexLock lock(&mu_);
      send_shut_ = false;
    }
    return ErrorResult(operation, outcome.error);
  }
  if ((operation.sink_flags & kReuse) == 0) return CallResult();
  const int error = BecomeReusable(from);
  return CallResult(WsaFromErrno(error), error);
}

int StreamSocket::BecomeReusable(SocketDescriptor* from) {
  OwnedFd fresh(
      ::socket(family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fresh.valid()) return errno;
  const Lingerer::Owner owner = AsItIsLent(from->owner());
  AddressTable::Hold held;
  OwnedFd old;
  std::vector<std::unique_ptr<Operation>> waiting;
  {
    absl::MutexLock lock(&mu_);
    if (state_ != State::kConnected) return ENOTCONN;
    const NetAddress address =
        accepted_ ? NetAddress() : AddressToReuseLocked();
    const int error =
        engine()->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          if (fd < 0) return EBADF;
          const int applied =
              KernelOptions::Of(fd).ApplyTo(fresh.get(), options_);
          if (applied != 0) return applied;
          if (address_ != nullptr) LetShare(fresh.get(), SOCK_STREAM, true);
          return address.empty() ? 0 : BindBeside(fd, address, fresh.get());
        });
    if (error != 0) return error;
    if (!address.empty())
      LetShare(fresh.get(), SOCK_STREAM, address_ != nullptr);
    held = address_;
    if (accepted_) address_ = nullptr;
    std::tie(old, waiting) = engine()->Exchange(std::move(fresh), 0);
    state_ = State::kOpen;
    bound_ = !accepted_;
    local_ = address;
    accepted_ = false;
    context_due_ = ContextDue::kNone;
    peer_ = NetAddress();
    send_shut_ = receive_shut_ = false;
    ForgetLentLocked();
    lost_ = 0;
    concluded_ = false;
    connect_ended_ = false;
    connect_error_ = 0;
  }
  ReviewEvents(kConnectionEvents);
  NotifyObservers();
  if (old.valid()) {
    environment()->lingerer->Linger(std::move(old), engine()->loop(), owner,
                                    std::move(held));
  }
  Socket::Fail(std::move(waiting), ECANCELED);
  return 0;
}

NetAddress StreamSocket::AddressToReuseLocked() const {
  const NetAddress local = engine()->WithFd(&NetAddress::LocalOf);
  // Since the connect the kernel says where that led from, not what was bound.
  return bound_to_.empty() ? local : bound_to_.WithPort(local.port());
}

// ------------------------------------------------------------------ contexts

bool StreamSocket::SetContext(const SocketCall& call) {
  wsp::v1::SetSockOptRequest request;
  if (!request.ParseFromString(call->body.RemainingString()) ||
      request.level() != kSolSocket) {
    return false;
  }
  switch (request.option()) {
    case kSoUpdateConnectContext:
      call.Finish(UpdateConnectContext());
      return true;
    case kSoUpdateAcceptContext:
      call.Finish(
          UpdateAcceptContext(call.from().get(), request.value().socket_id()));
      return true;
    default:
      return false;
  }
}

WsaError StreamSocket::UpdateConnectContext() {
  absl::MutexLock lock(&mu_);
  if (state_ != State::kConnected) return kWsaNotConn;
  if (context_due_ == ContextDue::kConnect) context_due_ = ContextDue::kNone;
  return 0;
}

WsaError StreamSocket::UpdateAcceptContext(SocketDescriptor* from,
                                           uint64_t listener_id) {
  const std::shared_ptr<SocketDescriptor> descriptor =
      from->sink()->FindSocket(listener_id);
  if (descriptor == nullptr) return kWsaNotSock;
  auto* listener = dynamic_cast<StreamSocket*>(descriptor->socket().get());
  if (listener == nullptr || listener == this) return kWsaInval;
  SocketOptions options;
  {
    absl::MutexLock lock(&listener->mu_);
    options = listener->options_;
  }
  const KernelOptions kernel_options =
      listener->engine()->WithFd(&KernelOptions::Of);
  options.conditional_accept = false;
  absl::MutexLock lock(&mu_);
  if (state_ != State::kConnected) return kWsaNotConn;
  if (listener_.lock() != descriptor->socket()) return kWsaInval;
  const int error = engine()->WithFd(
      [&](int fd) { return kernel_options.ApplyTo(fd, options); });
  if (error != 0) return WsaError::FromErrno(error);
  options_ = options;
  if (context_due_ == ContextDue::kAccept) context_due_ = ContextDue::kNone;
  return 0;
}

}  // namespace wspd
