#ifndef WSPD_DAEMON_WINSOCK_SOCKET_CALL_H_
#define WSPD_DAEMON_WINSOCK_SOCKET_CALL_H_

#include <memory>
#include <utility>

#include "daemon/winsock/call.h"
#include "daemon/winsock/socket_descriptor.h"
#include "daemon/winsock/wsa_error.h"

namespace wspd {

// A call on a socket, together with the descriptor that it came by and that its
// result goes to. Lives as long as the call is being begun.
class SocketCall {
 public:
  SocketCall(const Call& call, std::shared_ptr<SocketDescriptor> from)
      : call_(call), from_(std::move(from)) {}

  const Call* operator->() const { return &call_; }
  const std::shared_ptr<SocketDescriptor>& from() const { return from_; }

  // What the client may do with addresses. A denial is logged: to be asked with
  // no lock of a socket held.
  SocketAccess access() const { return from_->access(); }

  // Ends the call; with no lock of a socket held.
  void Finish(CallResult result) const {
    from_->sink()->Finish(call_.call_id, std::move(result));
  }
  // Ends it with an error, or with success and no result message.
  void Finish(WsaError error) const {
    Finish(CallResult(error.wsa, error.linux_errno));
  }

  // Reads the request; if it doesn't parse, the call ends with WSAEINVAL.
  template <typename Message>
  bool Parse(Message* message) const {
    if (message->ParseFromString(call_.body.RemainingString())) return true;
    Finish(WsaError(kWsaInval));
    return false;
  }

 private:
  const Call& call_;
  const std::shared_ptr<SocketDescriptor> from_;
};

// Bits of Operation::sink_flags.
enum : uint32_t {
  kOverlapped = 1,
  // accept: a condition function will decide.
  kConditional = 2,
  // receive: neither offset nor count change.
  kOutOfStream = 4,
  // receive: the result is a RecvFromResult, with the sender's address.
  kNamed = 8,
  // shutdown of sending: the first one.
  kEndsSending = 16,
  // shutdown of sending: the socket is to be reused.
  kReuse = 32,
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_SOCKET_CALL_H_
