// Attachment: the calls of the LINUX personality.
#include <errno.h>

#include <memory>
#include <utility>

#include "daemon/linux/linux_socket.h"
#include "daemon/session/attachment.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wire_fields.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

}  // namespace

bool Attachment::BindDescriptors(std::shared_ptr<DescriptorSink> sink) {
  std::shared_ptr<DescriptorSink> old;
  {
    absl::MutexLock lock(&mu_);
    if (retired_) return false;
    old = std::exchange(descriptors_, std::move(sink));
  }
  if (old != nullptr) old->Close();
  return true;
}

void Attachment::UnbindDescriptors(const DescriptorSink* sink) {
  std::shared_ptr<DescriptorSink> released;
  absl::MutexLock lock(&mu_);
  if (descriptors_.get() == sink) released = std::move(descriptors_);
}

void Attachment::DispatchLinux(const Call& call) {
  switch (call.request) {
    case wire::Call::kLinuxSocket:
      return LendSocket(call);
    case wire::Call::kLookup:
      return LookUp(call);
    default:
      return Finish(call.call_id, CallResult(kWsaOpNotSupp, EOPNOTSUPP));
  }
}

void Attachment::LendSocket(const Call& call) {
  wsp::v1::LinuxSocketRequest request;
  int error = EINVAL;
  wsp::v1::LinuxSocketResult message;
  if (request.ParseFromString(call.body.RemainingString())) {
    uint64_t cookie = 0;
    error = LendSocket(call, request, &cookie);
    message.set_cookie(cookie);
  }
  CallResult result(WsaFromErrno(error), error);
  if (error == 0) result.body = message.SerializeAsString();
  Finish(call.call_id, std::move(result));
}

int Attachment::LendSocket(const Call& call,
                           const wsp::v1::LinuxSocketRequest& request,
                           uint64_t* cookie) {
  if (request.plane() == wsp::v1::PLANE_UNSPECIFIED || call.socket_id == 0) {
    return EINVAL;
  }
  if (request.plane() != wsp::v1::PLANE_LENT || !lends_) return EPERM;
  std::shared_ptr<DescriptorSink> sink;
  {
    absl::MutexLock lock(&mu_);
    sink = descriptors_;
  }
  if (sink == nullptr) return ENOTCONN;
  LentSockets* const table = environment_->lent_sockets();
  const std::shared_ptr<LentOwner>& owner = client_->lent();
  if (const int error = client_->CountLentSocket(); error != 0) {
    // Ends that nobody has told of may be among those that count.
    table->CheckSoon();
    return error;
  }
  // Closed when this returns: the daemon keeps none.
  OwnedFd fd;
  LentSocket entry;
  entry.socket_id = call.socket_id;
  int error = MakeLinuxSocket(request, owner, &fd, &entry);
  if (error != 0) {
    owner->sockets.fetch_sub(1);
    return error;
  }
  table->Add(entry);
  error = sink->SendDescriptor(call.call_id, entry.cookie, fd.get());
  if (error != 0) {
    table->Forget(entry.cookie);
    return error;
  }
  LogSocket("socket lent", call.socket_id);
  *cookie = entry.cookie;
  return 0;
}

}  // namespace wspd
