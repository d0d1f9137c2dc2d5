// WSPGetSockOpt, WSPSetSockOpt and WSPIoctl.
#include <errno.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "daemon/policy/action.h"
#include "daemon/policy/default_rules.h"
#include "daemon/socket/ip_header_options.h"
#include "daemon/winsock/group_request.h"
#include "daemon/winsock/ioctls.h"
#include "daemon/winsock/socket_options.h"
#include "daemon/winsock/winsock_socket.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

// Winsock's numbers.
constexpr uint32_t kFionbio = 0x8004667e;

// The group that the option joins; empty: none, or the value is too short for
// one, which is what the option itself fails by.
NetAddress JoinedGroup(const wsp::v1::SetSockOptRequest& request) {
  constexpr int kAddMembership = 12;
  constexpr int kAddSourceMembership = 15;
  const std::string& value = request.value().raw();
  if (request.level() == IPPROTO_IP &&
      (request.option() == kAddMembership ||
       request.option() == kAddSourceMembership)) {
    sockaddr_in group{};
    group.sin_family = AF_INET;
    if (value.size() < sizeof(group.sin_addr)) return NetAddress();
    memcpy(&group.sin_addr, value.data(), sizeof(group.sin_addr));
    return NetAddress(group);
  }
  if (request.level() == IPPROTO_IPV6 && request.option() == kAddMembership) {
    sockaddr_in6 group{};
    group.sin6_family = AF_INET6;
    if (value.size() < sizeof(group.sin6_addr)) return NetAddress();
    memcpy(&group.sin6_addr, value.data(), sizeof(group.sin6_addr));
    return NetAddress(group);
  }
  return NetAddress();
}

// Whose address datagrams to groups have as their source; empty: of whatever
// interface.
NetAddress GroupSource(const wsp::v1::SetSockOptRequest& request) {
  constexpr int kMulticastInterface = 9;
  if (request.level() != IPPROTO_IP ||
      request.option() != kMulticastInterface) {
    return NetAddress();
  }
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr =
      MakeGroupRequest(in_addr{}, in_addr{request.value().number()})
          .imr_address;
  return source.sin_addr.s_addr == INADDR_ANY ? NetAddress()
                                              : NetAddress(source);
}

// Of IP's header options some take a privilege, which the daemon may have.
bool TakesPrivilege(const wsp::v1::SetSockOptRequest& request) {
  constexpr int kIpOptions = 1;
  return request.level() == IPPROTO_IP && request.option() == kIpOptions &&
         !AreForAnybody(request.value().raw());
}

bool IsOutOfBandInLine(const wsp::v1::SetSockOptRequest& request) {
  constexpr int kSolSocket = 0xffff;
  constexpr int kSoOobInline = 0x100;
  return request.level() == kSolSocket && request.option() == kSoOobInline;
}

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
  // As WSPJoinLeaf does for who only receives.
  if (const NetAddress group = JoinedGroup(request); !group.empty()) {
    const int denied = call.access().Connect(group, false);
    if (denied != 0) return call.Finish(WsaError::FromErrno(denied));
  }
  if (const NetAddress source = GroupSource(request); !source.empty()) {
    const SocketAccess access = call.access();
    const int denied = access.AsksAboutSources()
                           ? access.Source(source.WithPort(LocalPort()))
                           : 0;
    if (denied != 0) return call.Finish(WsaError::FromErrno(denied));
  }
  if (TakesPrivilege(request)) {
    return call.Finish(WsaError::FromErrno(call.access().Refuse(
        PrivilegedOption(request.level(), request.option()), Action::kPrivilege,
        NetAddress(), EACCES)));
  }
  WsaError error = 0;
  {
    absl::MutexLock lock(&mu_);
    error = engine_->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return SetSocketOption(request, ViewLocked(fd), &options_);
    });
    if (error.ok()) OptionsChangedLocked();
    if (IsOutOfBandInLine(request)) engine_->Recall();
  }
  call.Finish(error);
}

void WinsockSocket::Ioctl(const SocketCall& call) {
  wsp::v1::IoctlRequest request;
  if (!call.Parse(&request)) return;
  if (IsChangeIoctl(request.code())) return AwaitChange(call, request);
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

void WinsockSocket::AwaitChange(const SocketCall& call,
                                const wsp::v1::IoctlRequest& request) {
  bool waits;
  std::shared_ptr<ChangeWaits> change_waits;
  {
    absl::MutexLock lock(&mu_);
    // Non-blocking mode doesn't apply to overlapped calls (section 4.3).
    waits = call->overlapped || !nonblocking_;
    if (change_waits_ == nullptr) {
      change_waits_ = std::make_shared<ChangeWaits>(
          environment_->changes, engine_->loop(), family_,
          [weak = std::weak_ptr<WinsockSocket>(shared_from_this())](
              uint32_t event) {
            if (auto self = weak.lock()) self->RecordNetworkEvent(event, 0);
          });
    }
    change_waits = change_waits_;
  }
  change_waits->Begin(call, request, waits);
}

std::shared_ptr<ChangeWaits> WinsockSocket::change_waits() const {
  absl::MutexLock lock(&mu_);
  return change_waits_;
}

void WinsockSocket::WithdrawChanges(const SocketDescriptor* from, bool last,
                                    bool silently) {
  if (auto waits = change_waits()) waits->Withdraw(from, last, silently);
}

}  // namespace wspd
