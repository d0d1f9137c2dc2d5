#include "daemon/relay/accept_queue.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "daemon/base/log.h"
#include "daemon/linux/socket_user.h"
#include "daemon/relay/relay_address.h"
#include "daemon/relay/relayed_sockets.h"
#include "daemon/socket/reset.h"

namespace wspd {
namespace {

constexpr int kConnectionsPerTurn = 32;
constexpr int kConnectionsPerShortTurn = 1;
constexpr int kMostWaiting = 64;
// Of the link's send buffer, for one message: by the kernel's way of counting,
// and for not many more than that.
constexpr int kMessageBytes = 512;

// Errors of one connection, which are over with it (accept(2)).
bool IsOfConnection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

// What doesn't say that nobody is there.
bool IsScarcity(int error) {
  return error == ENOBUFS || error == ENOMEM || error == ETOOMANYREFS;
}

void LogScarcity(const RelayedSocketInfo& listener, int error) {
  static LogLimit limit(1);
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kWarning, "relayed connections not accepted for now",
        {{"pid", listener.owner->pid},
         {"cause", absl::ErrnoToStatus(error, "accept()").ToString()}},
        *suppressed);
  }
}

}  // namespace

void AcceptQueue::SetRoom(int link, int backlog) {
  const int bytes = std::clamp(backlog, 1, kMostWaiting) * kMessageBytes;
  setsockopt(link, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

AcceptQueue::Result AcceptQueue::Send(int link) {
  iovec bytes = {&message_, sizeof(message_)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  cmsghdr* const rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = waiting_.get();
  memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  ssize_t sent;
  do {
    // So few bytes are taken as a whole, or not at all.
    sent = sendmsg(link, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) {
    waiting_.Reset();
    return Result::kIdle;
  }
  if (errno == EAGAIN) return Result::kBlocked;
  return IsScarcity(errno) ? Result::kScarce : Result::kEnded;
}

AcceptQueue::Result AcceptQueue::Accept(int real, const Inherited& inherited) {
  SocketOwner& owner = *listener_.owner;
  if (!table_->HasRoom(*owner.user) ||
      owner.Count(table_->sockets_per_owner(), 0) != 0) {
    return Result::kScarce;
  }
  RateQuota* const quota = owner.quota.get();
  if (quota != nullptr) {
    wait_ = quota->TakeConnection();
    if (wait_ > absl::ZeroDuration()) {
      owner.Uncount();
      return Result::kTooSoon;
    }
  }
  NetAddress peer;
  socklen_t size = NetAddress::kMostBytes;
  OwnedFd accepted(
      accept4(real, peer.Buffer(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted.valid()) {
    const int error = errno;
    owner.Uncount();
    if (quota != nullptr) quota->GiveBackConnection();
    if (error == EAGAIN || error == EINVAL) return Result::kIdle;
    if (IsOfConnection(error)) return Result::kMore;
    LogScarcity(listener_, error);
    return Result::kScarce;
  }
  const SocketAccess access(*listener_.access, InQuestion(listener_));
  if (access.Accept(peer, accepted.get()) != 0) {
    ResetAndClose(std::move(accepted));
    owner.Uncount();
    // Else whom the rules deny could use up what those they let in need.
    if (quota != nullptr) quota->GiveBackConnection();
    return Result::kMore;
  }
  (void)GiveToUser(accepted.get(), owner.uid);
  message_ = wsp::relay::Accepted();
  message_.peer = ToRelayAddress(peer);
  const NetAddress local = NetAddress::LocalOf(accepted.get());
  message_.local = ToRelayAddress(local);
  std::shared_ptr<RelayedSocket> made;
  const int error = table_->MakeAccepted(listener_, std::move(accepted),
                                         {local, peer}, &waiting_, &made);
  if (error != 0) {
    // The connection is lost with it.
    LogScarcity(listener_, error);
    return Result::kScarce;
  }
  message_.number = made->info().number;
  if (inherited.lingers) made->OnLingerSet();
  for (const auto& [name, value] : *inherited.program_options) {
    // They were good for the listener's.
    setsockopt(waiting_.get(), SOL_SOCKET, name, value.data(),
               static_cast<socklen_t>(value.size()));
  }
  return Result::kMore;
}

AcceptQueue::Result AcceptQueue::Run(int real, int link,
                                     const Inherited& inherited,
                                     bool is_shared) {
  const int most = is_shared ? kConnectionsPerShortTurn : kConnectionsPerTurn;
  for (int i = 0; i < most; ++i) {
    if (!waiting_.valid()) {
      const Result result = Accept(real, inherited);
      if (result != Result::kMore) return result;
    }
    if (!waiting_.valid()) continue;
    const Result result = Send(link);
    if (result != Result::kIdle) return result;
  }
  return Result::kMore;
}

}  // namespace wspd
