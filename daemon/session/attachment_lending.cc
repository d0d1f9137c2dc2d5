// Attachment: connections of the WINSOCK personality that the client gets a
// descriptor of.
#include <errno.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

#include "daemon/session/attachment.h"
#include "daemon/winsock/winsock_socket.h"
#include "daemon/winsock/wsa_error.h"

namespace wspd {

void Attachment::LendConnection(const Call& call,
                                SocketDescriptor* descriptor) {
  if (descriptor == nullptr) {
    return Finish(call.call_id, CallResult(kWsaNotSock, ENOTSOCK));
  }
  wsp::v1::LendSocketResult message;
  uint64_t cookie = 0;
  const int error = LendConnection(call.call_id, descriptor, &cookie);
  CallResult result(WsaFromErrno(error), error);
  if (error == 0) {
    message.set_cookie(cookie);
    result.body = message.SerializeAsString();
    LogSocket("connection lent", call.socket_id);
  }
  Finish(call.call_id, std::move(result));
}

int Attachment::LendConnection(uint64_t call_id, SocketDescriptor* descriptor,
                               uint64_t* cookie) {
  // What is lent can't be looked at any more.
  if (!lends() || !access_->is_unrestricted() || client_->has_rates()) {
    return EPERM;
  }
  std::shared_ptr<DescriptorSink> sink;
  {
    absl::MutexLock lock(&mu_);
    sink = descriptors_;
  }
  if (sink == nullptr) return ENOTCONN;
  OwnedFd fd;
  const int error = descriptor->socket()->Lend(client_->owner()->uid, &fd);
  if (error != 0) return error;
  socklen_t size = sizeof(*cookie);
  if (getsockopt(fd.get(), SOL_SOCKET, SO_COOKIE, cookie, &size) != 0) {
    return errno;
  }
  const int unsent = sink->SendDescriptor(call_id, *cookie, fd.get());
  if (unsent == 0) descriptor->socket()->NoteLent(*cookie);
  return unsent;
}

}  // namespace wspd
