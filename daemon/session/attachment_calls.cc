// Attachment: calls, from their bytes to whoever does them.
#include <errno.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/metrics/session_metrics.h"
#include "daemon/session/attachment.h"
#include "daemon/session/limits.h"
#include "daemon/session/startup.h"
#include "daemon/winsock/winsock_socket.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wire_fields.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

// The length of SendRequest.data and SendToRequest.data, which have one number.
size_t SendPayloadBytes(WireReader request) {
  size_t bytes = 0;
  while (request.Next()) {
    if (request.field() == wire::SendRequest::kData) {
      bytes += request.ReadBytes().remaining();
    } else {
      request.Skip();
    }
  }
  return bytes;
}

uint64_t StreamOffset(WireReader request) {
  uint64_t offset = 0;
  while (request.Next()) {
    if (request.field() == wire::SendRequest::kStreamOffset) {
      offset = request.ReadVarint();
    } else {
      request.Skip();
    }
  }
  return offset;
}

bool IsSend(uint32_t request) {
  return request == wire::Call::kSend || request == wire::Call::kSendTo;
}

// What a call about a relayed socket asks: the number of its field in
// wsp.v1.LinuxCallRequest; 0 if it asks nothing, or is another call.
uint32_t LinuxRequestOf(const Call& call) {
  if (call.request != wire::Call::kLinuxCall) return 0;
  WireReader request = call.body;
  return request.Next() ? request.field() : 0;
}

// As SessionMetrics counts it.
uint32_t FunctionOf(const Call& call, uint32_t linux_request) {
  if (call.request != wire::Call::kLinuxCall) return call.request;
  return linux_request != 0 ? SessionMetrics::OfLinuxCall(linux_request) : 0;
}

// Whether a call ends something that takes of limits, or is to: refused, it
// would keep them used up, and its client may be unable to say so to anybody.
bool GivesBack(const Call& call, uint32_t linux_request) {
  switch (call.request) {
    case wire::Call::kCleanup:
    case wire::Call::kShutdown:
    case wire::Call::kCloseSocket:
    case wire::Call::kCancelBlockingCall:
    case wire::Call::kAcceptDecision:
    case wire::Call::kDisconnectEx:
      return true;
    case wire::Call::kLinuxCall:
      // One that connects has left bytes on the program's end, which isn't
      // writable until they are taken off.
      return linux_request == wire::LinuxCallRequest::kConnect ||
             linux_request == wire::LinuxCallRequest::kShutdown;
    default:
      return false;
  }
}

}  // namespace

absl::Status Attachment::ParseCall(WireReader reader, Call* call) {
  while (reader.Next()) {
    switch (reader.field()) {
      case wire::Call::kCallId:
        call->call_id = reader.ReadFixed64();
        break;
      case wire::Call::kSocketId:
        call->socket_id = reader.ReadFixed64();
        break;
      case wire::Call::kOverlapped:
        call->overlapped = reader.ReadVarint() != 0;
        break;
      case wire::Call::kReportPending:
        call->report_pending = reader.ReadVarint() != 0;
        break;
      case wire::Call::kTimeoutMs:
        call->timeout_ms = static_cast<uint32_t>(
            std::min<uint64_t>(reader.ReadVarint(), 0xffffffff));
        break;
      default:
        // The request, also one that this daemon has never heard of; what is
        // below the first number of a request is a newer client's option.
        if (reader.wire_type() == WireReader::kBytes &&
            reader.field() >= wire::Call::kSend) {
          call->request = reader.field();
          call->body = reader.ReadBytes();
        } else {
          reader.Skip();
        }
    }
  }
  if (!reader.ok()) return absl::InvalidArgumentError("a call doesn't parse");
  if (call->call_id == 0) {
    return absl::InvalidArgumentError("a call has no call_id");
  }
  return absl::OkStatus();
}

absl::Status Attachment::RunCall(WireReader reader, int64_t now_ns) {
  Call call;
  if (absl::Status status = ParseCall(reader, &call); !status.ok()) {
    return status;
  }
  call.frame = frame_.owner;
  call.frame_bytes = frame_.bytes;
  environment_->CountCall();
  last_call_at_ns_.store(absl::GetCurrentTimeNanos(),
                         std::memory_order_relaxed);
  bool run = false;
  std::shared_ptr<SocketDescriptor> descriptor;
  absl::Status status = Admit(call, now_ns, &run, &descriptor);
  if (status.ok() && run) Dispatch(call, descriptor.get());
  return status;
}

absl::Status Attachment::Admit(const Call& call, int64_t now_ns, bool* run,
                               std::shared_ptr<SocketDescriptor>* descriptor) {
  const uint32_t linux_request = LinuxRequestOf(call);
  absl::MutexLock lock(&mu_);
  if (retired_) {
    *run = false;
    return absl::OkStatus();
  }
  auto [entry, inserted] = calls_.try_emplace(call.call_id);
  if (!inserted) {
    CallRecord* record = entry->second.get();
    if (record->done && !record->queued) {
      if (ended_.has_value() && ended_->startup == call.call_id &&
          ended_->next_sequence == UINT64_MAX) {
        ended_->due = true;
      }
      QueueLocked(call.call_id, record);
    }
    *run = false;
    return absl::OkStatus();
  }
  entry->second = std::make_unique<CallRecord>();
  CallRecord* record = entry->second.get();
  record->came_at_ns = now_ns;
  record->request = call.request;
  record->function = FunctionOf(call, linux_request);
  record->socket_id = call.socket_id;
  if (call.socket_id != 0) {
    auto found = sockets_.find(call.socket_id);
    if (found != sockets_.end()) *descriptor = found->second.descriptor;
  }
  Client::Verdict verdict = client_->CountCall(GivesBack(call, linux_request));
  if (verdict == Client::Verdict::kMisuse) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", 2 * uint64_t{client_->most_calls()},
                     " unacknowledged calls"));
  }
  if (verdict == Client::Verdict::kAllowed && IsSend(call.request)) {
    if (auto status = ChargeCredit(call, record, &verdict); !status.ok()) {
      return status;
    }
  }
  *run = verdict == Client::Verdict::kAllowed;
  if (!*run) RefuseLocked(call, record, descriptor->get());
  return absl::OkStatus();
}

void Attachment::RefuseLocked(const Call& call, CallRecord* record,
                              SocketDescriptor* descriptor) {
  record->done = true;
  record->result = CallResult(kWsaNoBufs, ENOBUFS);
  client_->usage().kept_bytes.fetch_add(KeptBytes(record->result),
                                        std::memory_order_relaxed);
  if (SessionMetrics* const metrics = environment_->metrics()) {
    metrics->ObserveCall(record->function, kWsaNoBufs, 0);
  }
  QueueLocked(call.call_id, record);
  // What its client sends behind it, before it knows, isn't to close the gap.
  if (call.request == wire::Call::kSend && descriptor != nullptr) {
    descriptor->RefuseSendsBehind(StreamOffset(call.body));
  }
}

absl::Status Attachment::ChargeCredit(const Call& call, CallRecord* record,
                                      Client::Verdict* verdict) {
  const size_t bytes = SendPayloadBytes(call.body);
  if (bytes > kChunkBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a send of ", bytes, " bytes; at most ", kChunkBytes, " are one call"));
  }
  *verdict = client_->CountQueued(bytes);
  if (*verdict == Client::Verdict::kRefused) return absl::OkStatus();
  record->credit = static_cast<uint32_t>(bytes);
  if (*verdict == Client::Verdict::kMisuse) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the client's credit of ", client_->told_queued_bytes(),
                     " bytes of sends is exceeded"));
  }
  auto socket = sockets_.find(call.socket_id);
  if (socket == sockets_.end()) return absl::OkStatus();
  socket->second.queued_bytes += static_cast<uint32_t>(bytes);
  if (socket->second.queued_bytes > kSocketSendCreditBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a socket's credit of ", kSocketSendCreditBytes,
                     " bytes of sends is exceeded"));
  }
  return absl::OkStatus();
}

void Attachment::Dispatch(const Call& call, SocketDescriptor* descriptor) {
  if (environment_->stopping() && call.request != wire::Call::kCleanup &&
      call.request != wire::Call::kCloseSocket) {
    return Finish(call.call_id, CallResult(kWsaNetDown, ENETDOWN));
  }
  if (is_linux()) return DispatchLinux(call);
  if (call.request == wire::Call::kLinuxSocket) {
    return Finish(call.call_id, CallResult(kWsaOpNotSupp, EOPNOTSUPP));
  }
  if (call.request == wire::Call::kStartup) return Startup(call);
  // Of the name space, which a process uses without WSPStartup, too.
  if (call.request == wire::Call::kLookup) return LookUp(call);
  if (client_->startups() == 0) {
    return Finish(call.call_id, CallResult(kWsaNotInitialised, EINVAL));
  }
  switch (call.request) {
    case wire::Call::kCleanup:
      return Cleanup(call);
    case wire::Call::kSocket:
      return MakeSocket(call);
    case wire::Call::kCancelBlockingCall:
      return CancelBlockingCall(call);
    case wire::Call::kDuplicateSocket:
      return DuplicateSocket(call, descriptor);
    case wire::Call::kSelect:
      return Select(call);
    case wire::Call::kLendSocket:
      return LendConnection(call, descriptor);
    default:
      break;
  }
  if (descriptor != nullptr) {
    descriptor->Handle(call);
  } else if (call.socket_id != 0) {
    Finish(call.call_id, CallResult(kWsaNotSock, ENOTSOCK));
  } else {
    Finish(call.call_id, CallResult(kWsaOpNotSupp, EOPNOTSUPP));
  }
}

void Attachment::Startup(const Call& call) {
  wsp::v1::StartupRequest request;
  if (!request.ParseFromString(call.body.RemainingString())) {
    return Finish(call.call_id, CallResult(kWsaInval, EINVAL));
  }
  wsp::v1::StartupResult message;
  if (!NegotiateWinsockVersion(request.version_requested(), &message)) {
    return Finish(call.call_id, CallResult(kWsaVerNotSupported, EINVAL));
  }
  // Who is registered may be so once more.
  if (environment_->draining() && client_->startups() == 0) {
    return Finish(call.call_id, CallResult(kWsaSysNotReady, ENETDOWN));
  }
  const uint64_t startups =
      client_->Startup(this, call.call_id, request.owed_startups());
  if (startups == 0) {
    return Finish(call.call_id, CallResult(kWsaInval, EINVAL));
  }
  message.set_startups(startups);
  CallResult result;
  result.body = message.SerializeAsString();
  Finish(call.call_id, std::move(result));
}

void Attachment::Cleanup(const Call& call) {
  uint64_t startups = 0;
  if (!client_->Cleanup(this, call.call_id, &startups)) {
    return Finish(call.call_id, CallResult(kWsaNotInitialised, EINVAL));
  }
  wsp::v1::CleanupResult message;
  message.set_startups(startups);
  message.set_final(startups == 0);
  CallResult result;
  result.body = message.SerializeAsString();
  Finish(call.call_id, std::move(result));
}

void Attachment::MakeSocket(const Call& call) {
  wsp::v1::SocketRequest request;
  if (!request.ParseFromString(call.body.RemainingString())) {
    return Finish(call.call_id, CallResult(kWsaInval, EINVAL));
  }
  // Of a socket that there is, another descriptor.
  if (request.ticket() != 0) return ClaimSocket(call, request);
  if (environment_->draining()) {
    return Finish(call.call_id, CallResult(kWsaNetDown, ENETDOWN));
  }
  int family;
  int type;
  if (uint32_t error = CheckSocketRequest(request, &family, &type);
      error != 0) {
    return Finish(call.call_id, CallResult(error, LinuxErrnoOf(error)));
  }
  if (type == SOCK_RAW) {
    PolicySocket refused;
    refused.protocol = request.protocol();
    const int denied = access_->Raw(family, refused);
    return Finish(call.call_id, CallResult(WsaFromErrno(denied), denied));
  }
  std::shared_ptr<WinsockSocket> socket;
  int error =
      WinsockSocket::Create(family, type, environment_->NextLoop(),
                            environment_->sockets(), client_->quota(), &socket);
  if (error == 0) {
    socket->SetCreationFlags(request.flags());
    error = AddDescriptor(call.socket_id, std::move(socket));
  }
  Finish(call.call_id, SocketError(error));
}

CallResult Attachment::SocketError(int error) {
  if (error == ESHUTDOWN) return CallResult(kWsaNotInitialised, EINVAL);
  return CallResult(WsaFromErrno(error), error);
}

int Attachment::AddDescriptor(uint64_t socket_id,
                              std::shared_ptr<WinsockSocket> socket) {
  auto descriptor = std::make_shared<SocketDescriptor>(
      std::move(socket), shared_from_this(), socket_id);
  const int error = AddSocket(socket_id, descriptor);
  if (error != 0) {
    descriptor->Abort();
  } else {
    descriptor->socket()->NoteOpened(*descriptor, 0);
  }
  return error;
}

void Attachment::LookUp(const Call& call) {
  lookups_.Start(call, shared_from_this());
  // A final cleanup may have dropped the call and what was pending then.
  if (!IsPending(call.call_id)) lookups_.Cancel(call.call_id);
}

void Attachment::CancelBlockingCall(const Call& call) {
  wsp::v1::CancelBlockingCallRequest request;
  if (!request.ParseFromString(call.body.RemainingString())) {
    return Finish(call.call_id, CallResult(kWsaInval, EINVAL));
  }
  CancelCall(request.call_id());
  Finish(call.call_id, CallResult());
}

}  // namespace wspd
