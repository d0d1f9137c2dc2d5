// WSPSend and WSPRecv.
#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "daemon/winsock/message_flags.h"
#include "daemon/winsock/stream_socket.h"
#include "daemon/wire/wire_writer.h"
#include "proto/wire_fields.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

}  // namespace

bool StreamSocket::IsConnectionLost(int error) {
  return error == ECONNRESET || error == EPIPE || error == ETIMEDOUT ||
         error == ECONNABORTED || error == EHOSTUNREACH ||
         error == ENETUNREACH || error == ENETRESET;
}

void StreamSocket::LoseLocked(uint32_t wsa, int error,
                              absl::string_view reason) {
  if (lost_ != 0) return;
  lost_ = wsa;
  NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_RESET, error, reason);
}

uint32_t StreamSocket::DataErrorLocked(bool shut) const {
  if (shut) return kWsaShutdown;
  if (lost_ != 0) return lost_;
  if (state_ != State::kConnected) return kWsaNotConn;
  return 0;
}

void StreamSocket::Send(const SocketCall& call) {
  WireReader body = call->body;
  uint64_t flags = 0;
  uint64_t stream_offset = 0;
  WireReader data;
  while (body.Next()) {
    switch (body.field()) {
      case wire::SendRequest::kFlags:
        flags = body.ReadVarint();
        break;
      case wire::SendRequest::kStreamOffset:
        stream_offset = body.ReadVarint();
        break;
      case wire::SendRequest::kData:
        data = body.ReadBytes();
        break;
      default:
        body.Skip();
    }
  }
  std::unique_ptr<Operation> operation;
  {
    absl::MutexLock lock(&mu_);
    uint32_t error = DataErrorLocked(send_shut_);
    if (!body.ok() || data.remaining() > kChunkBytes) error = kWsaInval;
    if ((flags & ~uint64_t{kMsgOob | kMsgDontRoute}) != 0) {
      error = kWsaOpNotSupp;
    }
    if (error != 0) return call.Finish(WsaError(error));
    operation = NewOperation(call, Operation::Kind::kSend);
  }
  // Less was taken of what came before than its sender had thought, who took
  // the socket for a blocking one, or who doesn't know his user's limits:
  // nothing goes behind the gap.
  if (stream_offset > call.from()->gap()) {
    if (call.from()->refuses_behind_gap()) {
      return call.Finish(WsaError(kWsaNoBufs));
    }
    if (!operation->wait) return Refuse(call, kWsaWouldBlock, kFdWrite);
  }
  call.from()->ClearGap();
  operation->sink_value = stream_offset;
  if ((flags & kMsgOob) != 0) operation->flags |= MSG_OOB;
  if ((flags & kMsgDontRoute) != 0) operation->flags |= MSG_DONTROUTE;
  for (const iovec& piece : data.RemainingPieces()) {
    operation->pieces.push_back(piece);
  }
  operation->left = data.remaining();
  if (operation->left == 0) return call.Finish(CallResult());
  operation->owner = call->frame;
  operation->owner_bytes = call->frame_bytes;
  engine()->Submit(std::move(operation));
}

CallResult StreamSocket::SendResult(SocketDescriptor* from,
                                    const Operation& operation,
                                    const Outcome& outcome) {
  CallResult result;
  if (outcome.error != 0) {
    if (IsConnectionLost(outcome.error)) {
      absl::MutexLock lock(&mu_);
      if (!send_shut_) {
        LoseLocked(WsaFromErrno(outcome.error), outcome.error,
                   ReasonOfLoss(outcome.error));
      }
    }
    result = ErrorResult(operation, outcome.error);
  }
  CountSent(operation.sent);
  if (!operation.wait && operation.left > 0) {
    from->SetGap(operation.sink_value + operation.sent);
  }
  if (operation.sent > 0) {
    WireWriter(&result.body)
        .Varint(wire::SendResult::kBytesSent, operation.sent);
  }
  return result;
}

void StreamSocket::Receive(const SocketCall& call) {
  WireReader body = call->body;
  uint64_t max_bytes = 0;
  uint64_t flags = 0;
  while (body.Next()) {
    switch (body.field()) {
      case wire::RecvRequest::kMaxBytes:
        max_bytes = body.ReadVarint();
        break;
      case wire::RecvRequest::kFlags:
        flags = body.ReadVarint();
        break;
      default:
        body.Skip();
    }
  }
  std::unique_ptr<Operation> operation;
  uint32_t error = 0;
  {
    absl::MutexLock lock(&mu_);
    error = DataErrorLocked(receive_shut_);
    if (!body.ok()) error = kWsaInval;
    // MSG_WAITALL is the caller's loop.
    if ((flags & ~uint64_t{kMsgOob | kMsgPeek | kMsgWaitAll}) != 0) {
      error = kWsaOpNotSupp;
    }
    if (error == 0) operation = NewOperation(call, Operation::Kind::kReceive);
  }
  if (error != 0) {
    return Refuse(call, error, (flags & kMsgOob) != 0 ? kFdOob : kFdRead);
  }
  operation->max_bytes = std::min<uint64_t>(max_bytes, kChunkBytes);
  if ((flags & kMsgOob) != 0) operation->flags |= MSG_OOB;
  if ((flags & kMsgPeek) != 0) operation->flags |= MSG_PEEK;
  if (operation->flags != 0) operation->sink_flags |= kOutOfStream;
  engine()->Submit(std::move(operation));
}

CallResult StreamSocket::ReceiveResult(const Operation& operation,
                                       Outcome outcome) {
  CallResult result;
  if (outcome.error != 0) {
    if (IsConnectionLost(outcome.error)) {
      absl::MutexLock lock(&mu_);
      LoseLocked(WsaFromErrno(outcome.error), outcome.error,
                 ReasonOfLoss(outcome.error));
    }
    return ErrorResult(operation, outcome.error);
  }
  if (outcome.recalled) {
    WireWriter(&result.body).Varint(wire::RecvResult::kRecalled, 1);
  }
  if (outcome.data == nullptr || (operation.sink_flags & kOutOfStream) != 0) {
    result.payload = std::move(outcome.data);
    return result;
  }
  environment()->bytes_received.fetch_add(outcome.data->size(),
                                          std::memory_order_relaxed);
  if (outcome.stream_offset != 0) {
    WireWriter(&result.body)
        .Varint(wire::RecvResult::kStreamOffset, outcome.stream_offset);
  }
  result.payload = std::move(outcome.data);
  return result;
}

}  // namespace wspd
