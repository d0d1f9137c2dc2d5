#include "client_stub/transport/server_frame.h"

#include "client_stub/transport/linux_results.h"
#include "client_stub/transport/wire_reader.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

bool DecodePort(uint32_t port, Address* address) {
  address->port = static_cast<uint16_t>(port);
  return port <= UINT16_MAX;
}

bool DecodeIpv4(ByteView bytes, Address* address) {
  using Field = wire::SocketAddress::Ipv4;
  *address = Address();
  address->family = Address::kIpv4;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == Field::kAddress) {
      const uint32_t value = reader.AsFixed32();
      for (int i = 0; i < 4; ++i) {
        address->bytes[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
      }
    } else if (reader.field() == Field::kPort) {
      valid &= DecodePort(reader.AsUint32(), address);
    }
  }
  return reader.ok() && valid;
}

bool DecodeIpv6(ByteView bytes, Address* address) {
  using Field = wire::SocketAddress::Ipv6;
  *address = Address();
  address->family = Address::kIpv6;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kAddress: {
        const ByteView value = reader.AsBytes();
        valid &= value.size == sizeof address->bytes;
        if (valid) std::memcpy(address->bytes, value.data, value.size);
        break;
      }
      case Field::kPort:
        valid &= DecodePort(reader.AsUint32(), address);
        break;
      case Field::kFlowInfo:
        address->flow_info = reader.AsUint32();
        break;
      case Field::kScopeId:
        address->scope_id = reader.AsUint32();
        break;
    }
  }
  return reader.ok() && valid;
}

}  // namespace

bool DecodeAddress(ByteView bytes, Address* address) {
  using Field = wire::SocketAddress;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == Field::kIpv4) {
      valid &= DecodeIpv4(reader.AsBytes(), address);
    } else if (reader.field() == Field::kIpv6) {
      valid &= DecodeIpv6(reader.AsBytes(), address);
    }
  }
  return reader.ok() && valid;
}

namespace {

bool DecodeLimits(ByteView bytes, AttachmentLimits* limits) {
  using Field = wire::Limits;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kChunkBytes:
        limits->chunk_bytes = reader.AsUint32();
        break;
      case Field::kSocketSendCreditBytes:
        limits->socket_send_credit_bytes = reader.AsUint32();
        break;
      case Field::kClientSendCreditBytes:
        limits->client_send_credit_bytes = reader.AsUint32();
        break;
      case Field::kOutstandingCalls:
        limits->outstanding_calls = reader.AsUint32();
        break;
      case Field::kSockets:
        limits->sockets = reader.AsUint32();
        break;
    }
  }
  return reader.ok();
}

bool DecodeVersion(ByteView bytes, Welcome* welcome) {
  using Field = wire::ProtocolVersion;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == Field::kMajor) welcome->major = reader.AsUint32();
    if (reader.field() == Field::kMinor) welcome->minor = reader.AsUint32();
  }
  return reader.ok();
}

bool DecodeCapabilities(ByteView packed, Welcome* welcome) {
  PackedVarints numbers(packed);
  uint64_t number;
  while (numbers.Next(&number)) {
    welcome->relays |= number == wire::CAPABILITY_RELAYED;
    welcome->lends |= number == wire::CAPABILITY_LENT;
    welcome->takes_farewell |= number == wire::CAPABILITY_FAREWELL;
  }
  return numbers.ok();
}

bool DecodeWelcome(ByteView bytes, Welcome* welcome) {
  using Field = wire::Welcome;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kVersion:
        valid &= DecodeVersion(reader.AsBytes(), welcome);
        break;
      case Field::kCapabilities:
        valid &= DecodeCapabilities(reader.AsBytes(), welcome);
        break;
      case Field::kLimits:
        valid &= DecodeLimits(reader.AsBytes(), &welcome->limits);
        break;
      case Field::kAttachmentToken:
        welcome->attachment_token = reader.AsBytes();
        break;
      case Field::kResumed:
        welcome->resumed = reader.AsBool();
        break;
      case Field::kStartups:
        welcome->startups = reader.AsUint64();
        break;
    }
  }
  return reader.ok() && valid;
}

bool DecodeOptionValue(ByteView bytes, Completion* out) {
  using Field = wire::OptionValue;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kNumber:
        out->number = reader.AsUint32();
        break;
      case Field::kRaw:
        out->data = reader.AsBytes();
        break;
      case Field::kLinger: {
        WireReader linger(reader.AsBytes());
        while (linger.Next()) {
          if (linger.field() == Field::Linger::kOn) {
            out->linger_on = linger.AsBool();
          } else if (linger.field() == Field::Linger::kSeconds) {
            out->linger_seconds = linger.AsUint32();
          }
        }
        valid &= linger.ok();
        break;
      }
    }
  }
  return reader.ok() && valid;
}

bool DecodeRecvResult(ByteView bytes, Completion* out) {
  using Field = wire::RecvResult;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kFlags:
        out->flags = reader.AsUint32();
        break;
      case Field::kStreamOffset:
        out->stream_offset = reader.AsUint64();
        break;
      case Field::kRecalled:
        out->recalled = reader.AsBool();
        break;
      case Field::kData:
        out->data = reader.AsBytes();
        break;
    }
  }
  return reader.ok();
}

bool DecodeRecvFromResult(ByteView bytes, Completion* out) {
  using Field = wire::RecvFromResult;
  bool valid = true;
  out->body = bytes;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kFlags:
        out->flags = reader.AsUint32();
        break;
      case Field::kFrom:
        valid &= DecodeAddress(reader.AsBytes(), &out->peer);
        break;
      case Field::kData:
        out->data = reader.AsBytes();
        break;
    }
  }
  return reader.ok() && valid;
}

bool DecodeAcceptResult(ByteView bytes, Completion* out) {
  using Field = wire::AcceptResult;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kPeer:
        valid &= DecodeAddress(reader.AsBytes(), &out->peer);
        break;
      case Field::kLocal:
        valid &= DecodeAddress(reader.AsBytes(), &out->local);
        break;
      case Field::kOfferId:
        out->offer_id = reader.AsUint64();
        break;
      case Field::kData:
        out->data = reader.AsBytes();
        break;
    }
  }
  return reader.ok() && valid;
}

bool DecodeStartupResult(ByteView bytes, Completion* out) {
  using Field = wire::StartupResult;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kVersion:
        out->version = reader.AsUint32();
        break;
      case Field::kDescription:
        out->data = reader.AsBytes();
        break;
      case Field::kStartups:
        out->startups = reader.AsUint64();
        break;
    }
  }
  return reader.ok();
}

bool DecodeCleanupResult(ByteView bytes, Completion* out) {
  using Field = wire::CleanupResult;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == Field::kStartups) {
      out->startups = reader.AsUint64();
    } else if (reader.field() == Field::kFinal) {
      out->final = reader.AsBool();
    }
  }
  return reader.ok();
}

bool DecodeSocketResult(ByteView bytes, Completion* out) {
  using Field = wire::SocketResult;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == Field::kFlags) {
      out->flags = reader.AsUint32();
    } else if (reader.field() == Field::kNonblocking) {
      out->nonblocking = reader.AsBool();
    }
  }
  return reader.ok();
}

bool DecodeDuplicateSocketResult(ByteView bytes, Completion* out) {
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == wire::DuplicateSocketResult::kTicket) {
      out->number = reader.AsUint32();
    }
  }
  return reader.ok();
}

bool DecodeIoctlResult(ByteView bytes, Completion* out) {
  using Field = wire::IoctlResult;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kNumber:
        out->number = reader.AsUint32();
        break;
      case Field::kOutput:
        out->data = reader.AsBytes();
        break;
      case Field::kAddresses:
      case Field::kInterfaces:
      case Field::kOrder:
        // See ioctl_lists.h.
        out->data = bytes;
        break;
    }
  }
  return reader.ok();
}

// A result that holds nothing but one field, an address or an option's value.
template <typename Decode>
bool DecodeOnlyField(ByteView bytes, uint32_t field, Decode decode) {
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == field) valid &= decode(reader.AsBytes());
  }
  return reader.ok() && valid;
}

bool DecodeResult(uint32_t field, ByteView bytes, Completion* out) {
  using Field = wire::Completion;
  const auto local = [out](ByteView value) {
    return DecodeAddress(value, &out->local);
  };
  switch (field) {
    case Field::kSend:
    case Field::kSendTo: {
      static_assert(
          +wire::SendResult::kBytesSent == +wire::SendToResult::kBytesSent,
          "read alike");
      WireReader reader(bytes);
      while (reader.Next()) {
        if (reader.field() == wire::SendResult::kBytesSent) {
          out->bytes_sent = reader.AsUint32();
        }
      }
      return reader.ok();
    }
    case Field::kRecv:
      return DecodeRecvResult(bytes, out);
    case Field::kRecvFrom:
      return DecodeRecvFromResult(bytes, out);
    case Field::kStartup:
      return DecodeStartupResult(bytes, out);
    case Field::kCleanup:
      return DecodeCleanupResult(bytes, out);
    case Field::kSocket:
      return DecodeSocketResult(bytes, out);
    case Field::kDuplicateSocket:
      return DecodeDuplicateSocketResult(bytes, out);
    case Field::kLinuxSocket:
    case Field::kLendSocket:
      static_assert(
          +wire::LinuxSocketResult::kCookie == +wire::LendSocketResult::kCookie,
          "read alike");
      return DecodeLinuxSocketResult(bytes, out);
    case Field::kLinuxCall:
      return DecodeLinuxCallResult(bytes, out);
    case Field::kBind:
      return DecodeOnlyField(bytes, wire::BindResult::kLocal, local);
    case Field::kAccept:
      return DecodeAcceptResult(bytes, out);
    case Field::kConnect:
      return DecodeOnlyField(bytes, wire::ConnectResult::kLocal, local);
    case Field::kGetSockName:
      return DecodeOnlyField(bytes, wire::GetSockNameResult::kAddress, local);
    case Field::kGetPeerName:
      return DecodeOnlyField(
          bytes, wire::GetPeerNameResult::kAddress,
          [out](ByteView value) { return DecodeAddress(value, &out->peer); });
    case Field::kGetSockOpt:
      return DecodeOnlyField(
          bytes, wire::GetSockOptResult::kValue,
          [out](ByteView value) { return DecodeOptionValue(value, out); });
    case Field::kIoctl:
      return DecodeIoctlResult(bytes, out);
    case Field::kLookup:
    case Field::kSelect:
    case Field::kEnumNetworkEvents:
      // See lookup.h and network_events.h.
      out->data = bytes;
      return true;
    default:
      return true;
  }
}

bool DecodeCompletion(ByteView bytes, Completion* out) {
  using Field = wire::Completion;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kCallId:
        out->call_id = reader.AsFixed64();
        break;
      case Field::kSequence:
        out->sequence = reader.AsUint64();
        break;
      case Field::kWsaError:
        out->wsa_error = reader.AsUint32();
        break;
      case Field::kLinuxErrno:
        out->linux_errno = reader.AsUint32();
        break;
      case Field::kPending:
        out->pending = reader.AsBool();
        break;
      default:
        if (reader.field() > Field::kDisconnectEx) break;
        out->result = reader.field();
        valid &= DecodeResult(reader.field(), reader.AsBytes(), out);
    }
  }
  return reader.ok() && valid;
}

bool DecodeRegistrationEnded(ByteView bytes, ServerFrameVisitor* visitor) {
  uint32_t reason = 0;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == wire::RegistrationEnded::kReason) {
      reason = reader.AsUint32();
    }
  }
  return reader.ok() && visitor->OnRegistrationEnded(reason);
}

bool DecodeNetworkEvent(ByteView bytes, ServerFrameVisitor* visitor) {
  using Field = wire::NetworkEvent;
  NetworkEvent event;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kSocketId:
        event.socket_id = reader.AsFixed64();
        break;
      case Field::kRegistration:
        event.registration = reader.AsUint64();
        break;
      case Field::kNetworkEvents:
        event.events = reader.AsUint32();
        break;
      case Field::kWsaError:
        event.wsa_error = reader.AsUint32();
        break;
      case Field::kCount:
        event.count = reader.AsUint64();
        break;
      case Field::kErrors:
        valid &= ReadPacked(reader.AsBytes(), event.errors, kNetworkEvents);
        break;
      case Field::kEnumeratedCount:
        event.enumerated_count = reader.AsUint64();
        break;
    }
  }
  return reader.ok() && valid && visitor->OnNetworkEvent(event);
}

bool DecodeEvent(ByteView bytes, ServerFrameVisitor* visitor) {
  bool valid = true;
  WireReader reader(bytes);
  while (valid && reader.Next()) {
    if (reader.field() == wire::Event::kRegistrationEnded) {
      valid = DecodeRegistrationEnded(reader.AsBytes(), visitor);
    } else if (reader.field() == wire::Event::kNetworkEvent) {
      valid = DecodeNetworkEvent(reader.AsBytes(), visitor);
    }
  }
  return reader.ok() && valid;
}

}  // namespace

bool DecodeServerFrame(ByteView frame, ServerFrameVisitor* visitor) {
  using Field = wire::ServerFrame;
  bool valid = true;
  WireReader reader(frame);
  while (valid && reader.Next()) {
    switch (reader.field()) {
      case Field::kWelcome: {
        Welcome welcome;
        valid = DecodeWelcome(reader.AsBytes(), &welcome) &&
                visitor->OnWelcome(welcome);
        break;
      }
      case Field::kCompletions: {
        Completion completion;
        valid = DecodeCompletion(reader.AsBytes(), &completion) &&
                visitor->OnCompletion(completion);
        break;
      }
      case Field::kEvents:
        valid = DecodeEvent(reader.AsBytes(), visitor);
        break;
    }
  }
  return reader.ok() && valid;
}

}  // namespace wsp
