#include "client_stub/transport/requests.h"

#include <algorithm>

#include "proto/wire_fields.h"

namespace wsp {
namespace {

using CallField = wire::Call;

// Appends a request's field, filled by `fill(WireWriter&)`.
template <typename Fill>
void AppendRequest(ByteBuffer* call, uint32_t field, Fill fill) {
  WireWriter(call).Message(field, fill);
}

void AppendEmptyRequest(ByteBuffer* call, uint32_t field) {
  AppendRequest(call, field, [](WireWriter&) {});
}

}  // namespace

void WriteAddress(WireWriter& writer, uint32_t field, const Address& address) {
  using Field = wire::SocketAddress;
  if (address.family == Address::kNone) return;
  writer.Message(field, [&](WireWriter& outer) {
    if (address.family == Address::kIpv4) {
      uint32_t value = 0;
      for (int i = 0; i < 4; ++i) value = value << 8 | address.bytes[i];
      outer.Message(Field::kIpv4, [&](WireWriter& ipv4) {
        ipv4.Fixed32(Field::Ipv4::kAddress, value);
        ipv4.Varint(Field::Ipv4::kPort, address.port);
      });
    } else if (address.family == Address::kIpv6) {
      outer.Message(Field::kIpv6, [&](WireWriter& ipv6) {
        ipv6.Bytes(Field::Ipv6::kAddress, address.bytes, sizeof address.bytes);
        ipv6.Varint(Field::Ipv6::kPort, address.port);
        ipv6.Varint(Field::Ipv6::kFlowInfo, address.flow_info);
        ipv6.Varint(Field::Ipv6::kScopeId, address.scope_id);
      });
    }
  });
}

void AppendHello(ByteBuffer* frame, const HelloParams& hello) {
  using Field = wire::Hello;
  WireWriter(frame).Message(wire::ClientFrame::kHello, [&](WireWriter& out) {
    out.Message(Field::kVersion, [](WireWriter& version) {
      version.Varint(wire::ProtocolVersion::kMajor, kWireMajor);
      version.Varint(wire::ProtocolVersion::kMinor, kWireMinor);
    });
    if (hello.linux_personality) {
      const uint8_t capabilities[] = {wire::CAPABILITY_RELAYED,
                                      wire::CAPABILITY_LENT,
                                      wire::CAPABILITY_FAREWELL};
      out.Varint(Field::kPersonality, wire::PERSONALITY_LINUX);
      out.Bytes(Field::kCapabilities, capabilities, sizeof capabilities);
    } else {
      const uint8_t capabilities[] = {wire::CAPABILITY_FORWARDED,
                                      wire::CAPABILITY_RESUME,
                                      wire::CAPABILITY_LENT};
      out.Varint(Field::kPersonality, wire::PERSONALITY_WINSOCK);
      out.Bytes(Field::kCapabilities, capabilities,
                sizeof capabilities - (hello.lent ? 0 : 1));
    }
    out.Bytes(Field::kResumeToken, hello.resume_token.data,
              hello.resume_token.size);
    out.Bytes(Field::kClientName, hello.client_name,
              std::strlen(hello.client_name));
  });
}

void AppendAck(ByteBuffer* frame, uint64_t sequence) {
  WireWriter(frame).Varint(wire::ClientFrame::kAckSequence, sequence);
}

void AppendCancel(ByteBuffer* frame, uint64_t call_id) {
  WireWriter(frame).Message(wire::ClientFrame::kCancels, [&](WireWriter& out) {
    out.Fixed64(wire::Cancel::kCallId, call_id);
  });
}

void AppendCallHeader(ByteBuffer* call, const CallHeader& header) {
  WireWriter out(call);
  out.Fixed64(CallField::kCallId, header.call_id);
  out.Fixed64(CallField::kSocketId, header.socket_id);
  out.Bool(CallField::kOverlapped, header.overlapped);
  out.Bool(CallField::kReportPending, header.report_pending);
  out.Varint(CallField::kTimeoutMs, header.timeout_ms);
}

void AppendStartup(ByteBuffer* call, uint32_t version_requested,
                   uint64_t owed_startups, uint32_t catalog_entry_id) {
  using Field = wire::StartupRequest;
  AppendRequest(call, CallField::kStartup, [&](WireWriter& out) {
    out.Varint(Field::kVersionRequested, version_requested);
    out.Varint(Field::kOwedStartups, owed_startups);
    out.Varint(Field::kCatalogEntryId, catalog_entry_id);
  });
}

void AppendCleanup(ByteBuffer* call) {
  AppendEmptyRequest(call, CallField::kCleanup);
}

void AppendSocket(ByteBuffer* call, uint32_t family, uint32_t type,
                  int32_t protocol, uint32_t flags, uint32_t ticket) {
  using Field = wire::SocketRequest;
  AppendRequest(call, CallField::kSocket, [&](WireWriter& out) {
    out.Varint(Field::kFamily, family);
    out.Varint(Field::kType, type);
    out.Int32(Field::kProtocol, protocol);
    out.Varint(Field::kFlags, flags);
    out.Varint(Field::kTicket, ticket);
  });
}

void AppendDuplicateSocket(ByteBuffer* call, uint32_t process_id) {
  AppendRequest(call, CallField::kDuplicateSocket, [&](WireWriter& out) {
    out.Varint(wire::DuplicateSocketRequest::kProcessId, process_id);
  });
}

void AppendBind(ByteBuffer* call, const Address& address) {
  AppendRequest(call, CallField::kBind, [&](WireWriter& out) {
    WriteAddress(out, wire::BindRequest::kAddress, address);
  });
}

void AppendListen(ByteBuffer* call, int32_t backlog) {
  AppendRequest(call, CallField::kListen, [&](WireWriter& out) {
    out.Int32(wire::ListenRequest::kBacklog, backlog);
  });
}

void AppendAccept(ByteBuffer* call, uint64_t accepted_socket_id,
                  bool conditional) {
  using Field = wire::AcceptRequest;
  AppendRequest(call, CallField::kAccept, [&](WireWriter& out) {
    out.Fixed64(Field::kAcceptedSocketId, accepted_socket_id);
    out.Bool(Field::kConditional, conditional);
  });
}

void AppendAcceptEx(ByteBuffer* call, uint64_t accepted_socket_id,
                    uint32_t max_bytes, bool no_address_room) {
  using Field = wire::AcceptRequest;
  AppendRequest(call, CallField::kAccept, [&](WireWriter& out) {
    out.Fixed64(Field::kAcceptedSocketId, accepted_socket_id);
    out.Bool(Field::kExtended, true);
    out.Varint(Field::kMaxBytes, max_bytes);
    out.Bool(Field::kNoAddressRoom, no_address_room);
  });
}

void AppendAcceptDecision(ByteBuffer* call, uint64_t offer_id,
                          uint32_t decision, uint64_t accepted_socket_id) {
  using Field = wire::AcceptDecisionRequest;
  AppendRequest(call, CallField::kAcceptDecision, [&](WireWriter& out) {
    out.Varint(Field::kOfferId, offer_id);
    out.Varint(Field::kDecision, decision);
    out.Fixed64(Field::kAcceptedSocketId, accepted_socket_id);
  });
}

void AppendConnect(ByteBuffer* call, const Address& address, bool extended) {
  AppendRequest(call, CallField::kConnect, [&](WireWriter& out) {
    WriteAddress(out, wire::ConnectRequest::kAddress, address);
    out.Bool(wire::ConnectRequest::kExtended, extended);
  });
}

void AppendDisconnectEx(ByteBuffer* call, bool reuse) {
  AppendRequest(call, CallField::kDisconnectEx, [&](WireWriter& out) {
    out.Bool(wire::DisconnectExRequest::kReuse, reuse);
  });
}

void AppendLendSocket(ByteBuffer* call) {
  AppendRequest(call, CallField::kLendSocket, [](WireWriter&) {});
}

void AppendSocketError(ByteBuffer* call, uint32_t linux_errno) {
  using Field = wire::SocketErrorRequest;
  AppendRequest(call, CallField::kSocketError, [&](WireWriter& out) {
    out.Varint(Field::kLinuxErrno, linux_errno);
  });
}

void AppendShutdown(ByteBuffer* call, uint32_t how) {
  AppendRequest(call, CallField::kShutdown, [&](WireWriter& out) {
    out.Varint(wire::ShutdownRequest::kHow, how);
  });
}

void AppendCloseSocket(ByteBuffer* call) {
  AppendEmptyRequest(call, CallField::kCloseSocket);
}

void AppendGetSockName(ByteBuffer* call) {
  AppendEmptyRequest(call, CallField::kGetSockName);
}

void AppendGetPeerName(ByteBuffer* call) {
  AppendEmptyRequest(call, CallField::kGetPeerName);
}

void AppendGetSockOpt(ByteBuffer* call, int32_t level, int32_t option) {
  using Field = wire::GetSockOptRequest;
  AppendRequest(call, CallField::kGetSockOpt, [&](WireWriter& out) {
    out.Int32(Field::kLevel, level);
    out.Int32(Field::kOption, option);
  });
}

void AppendSetSockOptNumber(ByteBuffer* call, int32_t level, int32_t option,
                            uint32_t number) {
  using Field = wire::SetSockOptRequest;
  AppendRequest(call, CallField::kSetSockOpt, [&](WireWriter& out) {
    out.Int32(Field::kLevel, level);
    out.Int32(Field::kOption, option);
    out.Message(Field::kValue, [&](WireWriter& value) {
      value.VarintEvenZero(wire::OptionValue::kNumber, number);
    });
  });
}

void AppendSetSockOptLinger(ByteBuffer* call, int32_t level, int32_t option,
                            bool on, uint32_t seconds) {
  using Field = wire::SetSockOptRequest;
  AppendRequest(call, CallField::kSetSockOpt, [&](WireWriter& out) {
    out.Int32(Field::kLevel, level);
    out.Int32(Field::kOption, option);
    out.Message(Field::kValue, [&](WireWriter& value) {
      value.Message(wire::OptionValue::kLinger, [&](WireWriter& linger) {
        linger.Bool(wire::OptionValue::Linger::kOn, on);
        linger.Varint(wire::OptionValue::Linger::kSeconds, seconds);
      });
    });
  });
}

void AppendSetSockOptRaw(ByteBuffer* call, int32_t level, int32_t option,
                         ByteView value) {
  using Field = wire::SetSockOptRequest;
  AppendRequest(call, CallField::kSetSockOpt, [&](WireWriter& out) {
    out.Int32(Field::kLevel, level);
    out.Int32(Field::kOption, option);
    out.Message(Field::kValue, [&](WireWriter& message) {
      message.BytesEvenEmpty(wire::OptionValue::kRaw, value.data, value.size);
    });
  });
}

void AppendSetSockOptContext(ByteBuffer* call, int32_t level, int32_t option,
                             uint64_t socket_id) {
  using Field = wire::SetSockOptRequest;
  AppendRequest(call, CallField::kSetSockOpt, [&](WireWriter& out) {
    out.Int32(Field::kLevel, level);
    out.Int32(Field::kOption, option);
    if (socket_id == 0) return;
    out.Message(Field::kValue, [&](WireWriter& value) {
      value.Fixed64(wire::OptionValue::kSocketId, socket_id);
    });
  });
}

void AppendIoctl(ByteBuffer* call, const IoctlParams& params) {
  using Field = wire::IoctlRequest;
  AppendRequest(call, CallField::kIoctl, [&](WireWriter& out) {
    out.Varint(Field::kCode, params.code);
    out.Varint(Field::kNumber, params.number);
    out.Bytes(Field::kInput, params.input.data, params.input.size);
    WriteAddress(out, Field::kAddress, params.address);
    for (size_t i = 0; i < params.address_count; ++i) {
      WriteAddress(out, Field::kAddresses,
                   params.address_at(params.addresses, i));
    }
  });
}

void AppendRecv(ByteBuffer* call, uint32_t max_bytes, uint32_t flags) {
  using Field = wire::RecvRequest;
  AppendRequest(call, CallField::kRecv, [&](WireWriter& out) {
    out.Varint(Field::kMaxBytes, max_bytes);
    out.Varint(Field::kFlags, flags);
  });
}

void AppendSend(ByteBuffer* call, uint32_t flags, uint64_t stream_offset,
                uint32_t data_bytes) {
  using Field = wire::SendRequest;
  // Tags of the three fields take one byte each.
  size_t size = 0;
  if (flags != 0) size += 1 + WireWriter::VarintSize(flags);
  if (stream_offset != 0) size += 1 + WireWriter::VarintSize(stream_offset);
  if (data_bytes != 0) {
    size += 1 + WireWriter::VarintSize(data_bytes) + data_bytes;
  }
  WireWriter out(call);
  out.LengthPrefix(CallField::kSend, size);
  out.Varint(Field::kFlags, flags);
  out.Varint(Field::kStreamOffset, stream_offset);
  if (data_bytes != 0) out.LengthPrefix(Field::kData, data_bytes);
}

void AppendRecvFrom(ByteBuffer* call, uint32_t max_bytes, uint32_t flags,
                    bool want_control) {
  using Field = wire::RecvFromRequest;
  AppendRequest(call, CallField::kRecvFrom, [&](WireWriter& out) {
    out.Varint(Field::kMaxBytes, max_bytes);
    out.Varint(Field::kFlags, flags);
    out.Bool(Field::kWantControl, want_control);
  });
}

void AppendSendTo(ByteBuffer* call, uint32_t flags, const Address& to,
                  ByteView control, uint32_t data_bytes) {
  using Field = wire::SendToRequest;
  // What is before the data, in the call's own memory as far as that goes.
  const size_t mark = call->size();
  WireWriter out(call);
  out.Varint(Field::kFlags, flags);
  WriteAddress(out, Field::kTo, to);
  if (control.size != 0) {
    call->insert(call->end(), control.data, control.data + control.size);
  }
  if (data_bytes != 0) out.LengthPrefix(Field::kData, data_bytes);
  const size_t head = call->size() - mark;
  // The request's own tag and length go before it.
  out.LengthPrefix(CallField::kSendTo, head + data_bytes);
  std::rotate(call->begin() + static_cast<ptrdiff_t>(mark),
              call->begin() + static_cast<ptrdiff_t>(mark + head), call->end());
}

void AppendJoinLeaf(ByteBuffer* call, const Address& address, uint32_t flags) {
  using Field = wire::JoinLeafRequest;
  AppendRequest(call, CallField::kJoinLeaf, [&](WireWriter& out) {
    WriteAddress(out, Field::kAddress, address);
    out.Varint(Field::kFlags, flags);
  });
}

void AppendNothing(ByteBuffer* call) {
  AppendEmptyRequest(call, CallField::kCancelBlockingCall);
}

}  // namespace wsp
