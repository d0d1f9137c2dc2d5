// WSPGetSockOpt, WSPSetSockOpt and WSPIoctl.
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "daemon/winsock/socket_options.h"
#include "daemon/winsock/winsock_socket.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

// Winsock's numbers.
constexpr uint32_t kFionbio = 0x8004667e;
constexpr uint32_t kFionread = 0x4004667f;

}  // namespace

SocketView WinsockSocket::ViewLocked(int fd) {
  SocketView view{fd, family_, type_, bound_, false, -1, &so_error_};
  FillViewLocked(&view);
  return view;
}

void WinsockSocket::GetSockOpt(const SocketCall& call) {
  wsp::v1::GetSockOptRequest request;
  if (!call.Parse(&request)) return;
  wsp::v1::GetSockOptResult message;
  WsaError error = 0;
  {
    absl::MutexLock lock(&mu_);
    error = engine_->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return GetSocketOption(request, ViewLocked(fd), &options_,
                             message.mutable_value());
    });
  }
  if (!error.ok()) return call.Finish(error);
  CallResult result;
  result.body = message.SerializeAsString();
  call.Finish(std::move(result));
}

void WinsockSocket::SetSockOpt(const SocketCall& call) {
  wsp::v1::SetSockOptRequest request;
  if (!call.Parse(&request)) return;
  WsaError error = 0;
  {
    absl::MutexLock lock(&mu_);
    error = engine_->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return SetSocketOption(request, ViewLocked(fd), &options_);
    });
  }
  call.Finish(error);
}

void WinsockSocket::Ioctl(const SocketCall& call) {
  wsp::v1::IoctlRequest request;
  if (!call.Parse(&request)) return;
  CallResult result;
  if (request.code() == kFionbio) {
    absl::MutexLock lock(&mu_);
    if (request.number() == 0 && HasSelectedEvents()) {
      // Section 4.5.
      result = CallResult(kWsaInval, EINVAL);
    } else {
      nonblocking_ = request.number() != 0;
    }
  } else if (request.code() == kFionread) {
    int readable = 0;
    const int error = engine_->WithFd([&](int fd) {
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
    absl::MutexLock lock(&mu_);
    const WsaError error = IoctlOwnLocked(request);
    result = CallResult(error.wsa, error.linux_errno);
  }
  call.Finish(std::move(result));
}

}  // namespace wspd
