// WSPGetSockOpt, WSPSetSockOpt and WSPIoctl.
#include <utility>

#include "daemon/winsock/ioctls.h"
#include "daemon/winsock/socket_options.h"
#include "daemon/winsock/winsock_socket.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

// Winsock's number.
constexpr uint32_t kFionbio = 0x8004667e;

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
    if (error.ok()) OptionsChangedLocked();
  }
  call.Finish(error);
}

void WinsockSocket::Ioctl(const SocketCall& call) {
  wsp::v1::IoctlRequest request;
  if (!call.Parse(&request)) return;
  wsp::v1::IoctlResult message;
  WsaError error = 0;
  if (IsNetworkIoctl(request.code())) {
    error = NetworkIoctl(request, family_, &message);
  } else {
    absl::MutexLock lock(&mu_);
    if (request.code() == kFionbio) {
      // Not as long as events are selected (section 4.5).
      if (request.number() == 0 && HasSelectedEvents()) {
        error = kWsaInval;
      } else {
        nonblocking_ = request.number() != 0;
      }
    } else {
      error =
          SocketIoctl(request, {engine(), ViewLocked(-1), &options_}, &message);
    }
  }
  if (!error.ok()) return call.Finish(error);
  CallResult result;
  result.body = message.SerializeAsString();
  call.Finish(std::move(result));
}

}  // namespace wspd
