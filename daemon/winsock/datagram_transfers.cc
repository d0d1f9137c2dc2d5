// DatagramSocket: WSPSend, WSPSendTo, WSPRecv and WSPRecvFrom.
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "daemon/policy/source_addresses.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/control_messages.h"
#include "daemon/winsock/datagram_socket.h"
#include "daemon/winsock/message_flags.h"
#include "daemon/wire/wire_writer.h"
#include "proto/wire_fields.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

// Has the kernel say more of how a datagram came than it always does. Unlike
// IP_PKTINFO these look at the datagram itself, whenever it came.
void BringControl(int fd, int family) {
  const int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
  setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
  if (family != AF_INET6) return;
  setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
  setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on));
  setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
}

uint32_t MessageFlags(const Outcome& outcome) {
  uint32_t flags = AddressingFlags(outcome.control);
  if ((outcome.message_flags & MSG_TRUNC) != 0) flags |= kMsgTrunc;
  if ((outcome.message_flags & MSG_CTRUNC) != 0) flags |= kMsgCtrunc;
  return flags;
}

}  // namespace

// ------------------------------------------------------------------- sending

WsaError DatagramSocket::ReadMessage(const SocketCall& call,
                                     Message* message) const {
  using Field = wire::SendToRequest;
  WireReader body = call->body;
  wsp::v1::SendToRequest head;
  bool valid = true;
  while (body.Next()) {
    switch (body.field()) {
      case Field::kFlags:
        message->flags = body.ReadVarint();
        break;
      case Field::kTo:
        message->has_address = true;
        valid &= head.mutable_to()->ParseFromString(
            body.ReadBytes().RemainingString());
        break;
      case Field::kControl:
        valid &= head.add_control()->ParseFromString(
            body.ReadBytes().RemainingString());
        break;
      case Field::kData:
        message->data = body.ReadBytes();
        break;
      default:
        body.Skip();
    }
  }
  if (!body.ok() || !valid) return kWsaInval;
  if (message->has_address && !DecodeAddress(head.to(), &message->address)) {
    return kWsaInval;
  }
  if (head.control_size() == 0) return 0;
  message->control = std::make_unique<std::string>();
  return EncodeControl(head.control(), message->control.get());
}

WsaError DatagramSocket::AimLocked(const SocketCall& call, bool to_named,
                                   Message* message) {
  if (send_shut_) return kWsaShutdown;
  if ((message->flags & ~uint64_t{kMsgDontRoute}) != 0) return kWsaOpNotSupp;
  if (message->data.remaining() > kChunkBytes) return kWsaMsgSize;
  if (message->has_address) {
    if (message->address.family() != family()) return kWsaAfNoSupport;
    if (message->address.is_any() || message->address.port() == 0) {
      return kWsaAddrNotAvail;
    }
  } else if (peer_is_group_) {
    message->address = peer_;
  } else if (peer_.empty()) {
    return to_named ? kWsaDestAddrReq : kWsaNotConn;
  }
  return EnsureBoundLocked(call);
}

void DatagramSocket::SubmitSend(const SocketCall& call, bool to_named,
                                Message message) {
  if (message.has_address) {
    const int denied = call.access().Send(message.address);
    if (denied != 0) return call.Finish(WsaError::FromErrno(denied));
  }
  if (message.control != nullptr) {
    const int denied = CheckSources(call.access(), *message.control,
                                    [this] { return LocalPort(); });
    if (denied != 0) return call.Finish(WsaError::FromErrno(denied));
  }
  std::unique_ptr<Operation> operation;
  {
    absl::MutexLock lock(&mu_);
    WsaError error = AimLocked(call, to_named, &message);
    if (!error.ok()) return call.Finish(error);
    operation = NewOperation(call, Operation::Kind::kSendDatagram);
  }
  if ((message.flags & kMsgDontRoute) != 0) operation->flags |= MSG_DONTROUTE;
  operation->address = message.address;
  operation->control = std::move(message.control);
  for (const iovec& piece : message.data.RemainingPieces()) {
    operation->pieces.push_back(piece);
  }
  operation->left = message.data.remaining();
  operation->owner = call->frame;
  operation->owner_bytes = call->frame_bytes;
  engine()->Submit(std::move(operation));
}

void DatagramSocket::Send(const SocketCall& call) {
  // SendRequest has flags and data where SendToRequest has them; its offset,
  // which datagrams don't have, is where the address would be.
  using Field = wire::SendRequest;
  WireReader body = call->body;
  Message message;
  while (body.Next()) {
    switch (body.field()) {
      case Field::kFlags:
        message.flags = body.ReadVarint();
        break;
      case Field::kData:
        message.data = body.ReadBytes();
        break;
      default:
        body.Skip();
    }
  }
  if (!body.ok()) return call.Finish(WsaError(kWsaInval));
  SubmitSend(call, false, std::move(message));
}

void DatagramSocket::SendTo(const SocketCall& call) {
  Message message;
  const WsaError error = ReadMessage(call, &message);
  if (!error.ok()) return call.Finish(error);
  SubmitSend(call, true, std::move(message));
}

CallResult DatagramSocket::SendResult(const Operation& operation,
                                      const Outcome& outcome) {
  if (outcome.error == ECANCELED) return CancelledResult(operation);
  if (IsTimeOut(operation, outcome.error)) {
    return CallResult(kWsaTimedOut, ETIMEDOUT);
  }
  CallResult result(WsaFromErrno(outcome.error), outcome.error);
  if (outcome.error != 0) return result;
  CountSent(operation.sent);
  if (operation.sent > 0) {
    // SendToResult has the same number.
    WireWriter(&result.body)
        .Varint(wire::SendResult::kBytesSent, operation.sent);
  }
  return result;
}

// ----------------------------------------------------------------- receiving

void DatagramSocket::Receive(const SocketCall& call) {
  wsp::v1::RecvRequest request;
  if (!call.Parse(&request)) return;
  SubmitReceive(call, request.max_bytes(), request.flags(), false, false);
}

void DatagramSocket::ReceiveFrom(const SocketCall& call) {
  wsp::v1::RecvFromRequest request;
  if (!call.Parse(&request)) return;
  SubmitReceive(call, request.max_bytes(), request.flags(), true,
                request.want_control());
}

void DatagramSocket::SubmitReceive(const SocketCall& call, uint64_t max_bytes,
                                   uint64_t flags, bool named,
                                   bool want_control) {
  std::unique_ptr<Operation> operation;
  WsaError error = 0;
  {
    absl::MutexLock lock(&mu_);
    if (receive_shut_) error = kWsaShutdown;
    if (!bound_) error = kWsaInval;
    if ((flags & ~uint64_t{kMsgPeek | kMsgWaitAll}) != 0) error = kWsaOpNotSupp;
    if (error.ok()) {
      operation = NewOperation(call, Operation::Kind::kReceiveDatagram);
    }
    if (error.ok() && want_control && !std::exchange(brings_control_, true)) {
      engine()->WithFd([this](int fd) { return BringControl(fd, family()); });
    }
  }
  if (!error.ok()) return Refuse(call, error, kFdRead);
  operation->max_bytes = std::min<uint64_t>(max_bytes, kChunkBytes);
  if ((flags & kMsgPeek) != 0) {
    operation->flags |= MSG_PEEK;
    operation->sink_flags |= kOutOfStream;
  }
  if (named) operation->sink_flags |= kNamed;
  operation->want_control = want_control;
  engine()->Submit(std::move(operation));
}

CallResult DatagramSocket::ReceiveResult(const Operation& operation,
                                         Outcome outcome) {
  if (outcome.error == ECANCELED) return CancelledResult(operation);
  if (IsTimeOut(operation, outcome.error)) {
    return CallResult(kWsaTimedOut, ETIMEDOUT);
  }
  // "Port unreachable" for something that was sent (section 5.2).
  if (outcome.error == ECONNREFUSED) {
    return CallResult(kWsaConnReset, ECONNREFUSED);
  }
  if (outcome.error != 0) {
    return CallResult(WsaFromErrno(outcome.error), outcome.error);
  }
  CallResult result;
  // What doesn't fit is lost, and said to be.
  if ((outcome.message_flags & MSG_TRUNC) != 0) {
    result = CallResult(kWsaMsgSize, EMSGSIZE);
  }
  if ((operation.sink_flags & kNamed) != 0) {
    wsp::v1::RecvFromResult message;
    EncodeAddress(outcome.peer, message.mutable_from());
    if (operation.want_control) {
      message.set_flags(MessageFlags(outcome));
      absl::MutexLock lock(&mu_);
      DecodeControl(outcome.control, options_.wanted_control,
                    message.mutable_control());
    }
    result.body = message.SerializeAsString();
  }
  if (outcome.data == nullptr) return result;
  if ((operation.sink_flags & kOutOfStream) == 0) {
    environment()->bytes_received.fetch_add(outcome.data->size(),
                                            std::memory_order_relaxed);
  }
  result.payload = std::move(outcome.data);
  return result;
}

}  // namespace wspd
