// Attachment: the calls of the LINUX personality.
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

#include "daemon/linux/linux_socket.h"
#include "daemon/policy/action.h"
#include "daemon/policy/default_rules.h"
#include "daemon/relay/relay_calls.h"
#include "daemon/relay/relay_pair.h"
#include "daemon/relay/relayed_sockets.h"
#include "daemon/session/attachment.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wire_fields.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;
using wsp::v1::LinuxSocketRequest;

// Of other combinations the kernel says what is wrong.
bool IsForEchoes(const LinuxSocketRequest& request) {
  const bool v6 = request.family() == LinuxSocketRequest::FAMILY_IPV6;
  const int protocol = static_cast<int>(request.protocol());
  return request.type() == LinuxSocketRequest::TYPE_DATAGRAM &&
         (v6 ? protocol == IPPROTO_ICMPV6 : protocol == IPPROTO_ICMP);
}

}  // namespace

bool Attachment::BindDescriptors(std::shared_ptr<DescriptorSink> sink) {
  std::shared_ptr<DescriptorSink> old;
  {
    absl::MutexLock lock(&mu_);
    if (retired_) return false;
    old = std::exchange(descriptors_, std::move(sink));
  }
  if (old != nullptr) old->Close();
  if (says_farewell_) client_->OweFarewell(true);
  return true;
}

void Attachment::UnbindDescriptors(const DescriptorSink* sink) {
  std::shared_ptr<DescriptorSink> released;
  absl::MutexLock lock(&mu_);
  if (descriptors_.get() == sink) released = std::move(descriptors_);
}

std::shared_ptr<DescriptorSink> Attachment::descriptors() const {
  absl::MutexLock lock(&mu_);
  return descriptors_;
}

bool Attachment::TakeFarewell(bool stays) {
  if (!says_farewell_) return false;
  if (RateQuota* const held_to = quota()) held_to->CountCalls(1);
  client_->OweFarewell(stays);
  return true;
}

void Attachment::DispatchLinux(const Call& call) {
  switch (call.request) {
    case wire::Call::kLinuxSocket:
      return MakeLinuxSocket(call);
    case wire::Call::kLinuxCall:
      return CallRelayedSocket(call);
    case wire::Call::kLookup:
      return LookUp(call);
    default:
      return Finish(call.call_id, CallResult(kWsaOpNotSupp, EOPNOTSUPP));
  }
}

void Attachment::MakeLinuxSocket(const Call& call) {
  LinuxSocketRequest request;
  wsp::v1::LinuxSocketResult message;
  std::shared_ptr<DescriptorSink> sink;
  {
    absl::MutexLock lock(&mu_);
    sink = descriptors_;
  }
  int error;
  if (!request.ParseFromString(call.body.RemainingString()) ||
      request.plane() == wsp::v1::PLANE_UNSPECIFIED || call.socket_id == 0) {
    error = EINVAL;
  } else if (environment_->draining()) {
    error = ENETDOWN;
  } else {
    error = MakePermittedSocket(call, request, sink.get(), &message);
  }
  CallResult result(WsaFromErrno(error), error);
  if (error == 0) result.body = message.SerializeAsString();
  Finish(call.call_id, std::move(result));
}

int Attachment::MakePermittedSocket(const Call& call,
                                    const LinuxSocketRequest& request,
                                    DescriptorSink* sink,
                                    wsp::v1::LinuxSocketResult* result) {
  PolicySocket asked;
  asked.plane = request.plane();
  asked.protocol = static_cast<int>(request.protocol());
  if (request.type() == LinuxSocketRequest::TYPE_RAW) {
    return access_->Raw(request.family() == LinuxSocketRequest::FAMILY_IPV6
                            ? AF_INET6
                            : AF_INET,
                        asked);
  }
  const bool echoes = IsForEchoes(request);
  int error = echoes ? access_->Echoes(asked) : 0;
  if (error != 0) return error;
  error = EPERM;
  if (request.plane() == wsp::v1::PLANE_LENT && lends()) {
    error = LendSocket(call, request, sink, result);
  } else if (request.plane() == wsp::v1::PLANE_RELAYED && relays()) {
    error = RelaySocket(call, request, sink, result);
  }
  if (echoes && error == EACCES) {
    access_->Refuse(kDaemonsEchoGroups, Action::kPrivilege, NetAddress(), asked,
                    error);
  }
  return error;
}

int Attachment::LendSocket(const Call& call, const LinuxSocketRequest& request,
                           DescriptorSink* sink,
                           wsp::v1::LinuxSocketResult* result) {
  // The rules or rates have changed: to be attached anew, and to have another
  // plane.
  if (sink == nullptr || !access_->is_unrestricted() || client_->has_rates()) {
    return ENOTCONN;
  }
  LentSockets* const table = environment_->lent_sockets();
  const std::shared_ptr<SocketOwner>& owner = client_->owner();
  if (const int error = client_->CountOwnedSocket(); error != 0) {
    // Ends that nobody has told of may be among those that count.
    table->CheckSoon();
    return error;
  }
  // Closed when this returns: the daemon keeps none.
  OwnedFd fd;
  LentSocket entry;
  entry.socket_id = call.socket_id;
  int error = wspd::MakeLinuxSocket(request, owner, &fd, &entry);
  if (error != 0) {
    owner->Uncount();
    return error;
  }
  table->Add(entry);
  error = sink->SendDescriptor(call.call_id, entry.cookie, fd.get());
  if (error != 0) {
    table->Forget(entry.cookie);
    return error;
  }
  LogSocket("socket lent", call.socket_id);
  result->set_cookie(entry.cookie);
  return 0;
}

int Attachment::RelaySocket(const Call& call, const LinuxSocketRequest& request,
                            DescriptorSink* sink,
                            wsp::v1::LinuxSocketResult* result) {
  if (sink == nullptr) return ENOTCONN;
  RelayedSockets* const table = environment_->relayed_sockets();
  if (const int error = client_->CountOwnedSocket(); error != 0) return error;
  // Closed when this returns. The socket ends with its last descriptor, also if
  // that was this one.
  OwnedFd program;
  std::shared_ptr<RelayedSocket> socket;
  int error = table->Make(request, call.socket_id, client_->owner(), &program,
                          &socket, access_);
  if (error != 0) return error;
  const RelayedSocketInfo& info = socket->info();
  error = sink->SendDescriptor(call.call_id, info.cookie, program.get());
  if (error != 0) return error;
  {
    absl::MutexLock lock(&mu_);
    relay_grants_.Add(info.number, *table);
  }
  LogSocket("socket relayed", call.socket_id);
  result->set_cookie(info.cookie);
  result->set_number(info.number);
  return 0;
}

std::shared_ptr<RelayedSocket> Attachment::FindRelayed(uint64_t number) const {
  if (!relays()) return nullptr;
  auto socket = environment_->relayed_sockets()->Find(number);
  if (socket == nullptr) return nullptr;
  absl::MutexLock lock(&mu_);
  return relay_grants_.Has(socket->info()) ? socket : nullptr;
}

void Attachment::CallRelayedSocket(const Call& call) {
  const std::shared_ptr<RelayedSocket> socket = FindRelayed(call.socket_id);
  wsp::v1::LinuxCallRequest request;
  wsp::v1::LinuxCallResult message;
  int error = EBADF;
  if (!request.ParseFromString(call.body.RemainingString())) {
    error = EINVAL;
  } else if (socket != nullptr) {
    error = RunRelayCall(request, *access_, socket.get(), &message);
  }
  CallResult result(WsaFromErrno(error), error);
  if (error == 0) result.body = message.SerializeAsString();
  Finish(call.call_id, std::move(result));
}

int Attachment::AdoptSocket(uint64_t number, int fd) {
  if (RateQuota* const held_to = quota()) held_to->CountCalls(1);
  if (!relays()) return EBADF;
  RelayedSockets* const table = environment_->relayed_sockets();
  const std::shared_ptr<RelayedSocket> socket = table->Find(number);
  if (socket == nullptr || CookieOf(fd) != socket->info().cookie) return EBADF;
  absl::MutexLock lock(&mu_);
  relay_grants_.Add(number, *table);
  return 0;
}

}  // namespace wspd
