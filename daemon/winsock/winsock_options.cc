// WSPGetSockOpt, WSPSetSockOpt and WSPIoctl.
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "absl/time/clock.h"
#include "daemon/winsock/socket_options.h"
#include "daemon/winsock/winsock_socket.h"
#include "daemon/winsock/winsock_socket_internal.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

// Winsock's numbers.
constexpr uint32_t kFionbio = 0x8004667e;
constexpr uint32_t kFionread = 0x4004667f;

}  // namespace

void WinsockSocket::GetSockOpt(const Call& call) {
  wsp::v1::GetSockOptRequest request;
  if (!Parse(call, &request)) return;
  wsp::v1::GetSockOptResult message;
  WsaError error = 0;
  {
    absl::MutexLock lock(&mu_);
    const int64_t seconds =
        state_ == State::kConnected
            ? absl::ToInt64Seconds(absl::Now() - connected_at_)
            : -1;
    error = socket_->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return GetSocketOption(
          request,
          SocketView{fd, SOCK_STREAM, bound_, state_ == State::kListening,
                     seconds, &so_error_},
          options_, message.mutable_value());
    });
  }
  if (!error.ok()) return FinishError(call, error);
  CallResult result;
  result.body = message.SerializeAsString();
  sink_->Finish(call.call_id, std::move(result));
}

void WinsockSocket::SetSockOpt(const Call& call) {
  wsp::v1::SetSockOptRequest request;
  if (!Parse(call, &request)) return;
  WsaError error = 0;
  {
    absl::MutexLock lock(&mu_);
    error = socket_->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return SetSocketOption(
          request,
          SocketView{fd, SOCK_STREAM, bound_, state_ == State::kListening, -1,
                     &so_error_},
          &options_);
    });
  }
  FinishError(call, error);
}

void WinsockSocket::Ioctl(const Call& call) {
  wsp::v1::IoctlRequest request;
  if (!Parse(call, &request)) return;
  CallResult result;
  if (request.code() == kFionbio) {
    absl::MutexLock lock(&mu_);
    nonblocking_ = request.number() != 0;
  } else if (request.code() == kFionread) {
    int readable = 0;
    const int error = socket_->WithFd([&](int fd) {
      return ioctl(fd, FIONREAD, &readable) == 0 ? 0 : errno;
    });
    // Linux refuses on a listener, where Winsock counts nothing.
    if (error != 0 && error != EINVAL) {
      result = CallResult(WsaFromErrno(error), error);
    } else {
      wsp::v1::IoctlResult message;
      message.set_number(static_cast<uint32_t>(readable));
      result.body = message.SerializeAsString();
    }
  } else {
    result = CallResult(kWsaOpNotSupp, EOPNOTSUPP);
  }
  sink_->Finish(call.call_id, std::move(result));
}

}  // namespace wspd
