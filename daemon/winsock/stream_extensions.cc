// StreamSocket: what the extension functions ConnectEx, DisconnectEx and
// AcceptEx leave to it beyond connecting and accepting (reference,
// section 4.9).
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>
#include <vector>

#include "daemon/winsock/kernel_options.h"
#include "daemon/winsock/stream_socket.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

// Winsock's numbers.
constexpr int kSolSocket = 0xffff;
constexpr int kSoUpdateConnectContext = 0x7010;

int SetReuseAddress(int fd, int on) {
  return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

// Binds `fd` where the connection of `old` still is, for as long as that lasts.
int BindBeside(int old, const NetAddress& address, int fd) {
  if (SetReuseAddress(old, 1) != 0 || SetReuseAddress(fd, 1) != 0) return errno;
  return bind(fd, address.get(), address.size()) == 0 ? 0 : errno;
}

}  // namespace

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
          CopyKernelOptions(fd, options_, fresh.get());
          return address.empty() ? 0 : BindBeside(fd, address, fresh.get());
        });
    if (error != 0) return error;
    if (!address.empty()) SetReuseAddress(fresh.get(), options_.reuse_address);
    std::tie(old, waiting) = engine()->Exchange(std::move(fresh));
    state_ = State::kOpen;
    bound_ = !accepted_;
    accepted_ = false;
    context_due_ = ContextDue::kNone;
    peer_ = NetAddress();
    send_shut_ = receive_shut_ = false;
    lost_ = 0;
  }
  if (old.valid()) {
    environment()->lingerer->Linger(std::move(old), engine()->loop(),
                                    from->owner());
  }
  for (std::unique_ptr<Operation>& operation : waiting) {
    const std::shared_ptr<OperationSink> sink = operation->sink;
    Outcome outcome;
    outcome.error = ECANCELED;
    sink->OnOutcome(std::move(operation), std::move(outcome));
    sink->Flush();
  }
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
  if (request.option() != kSoUpdateConnectContext) return false;
  call.Finish(UpdateConnectContext());
  return true;
}

WsaError StreamSocket::UpdateConnectContext() {
  absl::MutexLock lock(&mu_);
  if (state_ != State::kConnected) return kWsaNotConn;
  if (context_due_ == ContextDue::kConnect) context_due_ = ContextDue::kNone;
  return 0;
}

}  // namespace wspd
