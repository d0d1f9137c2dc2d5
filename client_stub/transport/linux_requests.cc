#include "client_stub/transport/linux_requests.h"

#include "proto/wire_fields.h"

namespace wsp {
namespace {

using Request = wire::LinuxCallRequest;

// Appends the member `field` of a LinuxCallRequest, filled by
// `fill(WireWriter&)`.
template <typename Fill>
void AppendLinuxCall(ByteBuffer* call, uint32_t field, Fill fill) {
  WireWriter(call).Message(wire::Call::kLinuxCall, [&](WireWriter& request) {
    request.Message(field, fill);
  });
}

}  // namespace

void AppendLinuxSocket(ByteBuffer* call, const LinuxSocketParams& params) {
  using Field = wire::LinuxSocketRequest;
  WireWriter(call).Message(wire::Call::kLinuxSocket, [&](WireWriter& out) {
    out.Varint(Field::kPlane, params.plane);
    out.Varint(Field::kFamily, params.family);
    out.Varint(Field::kType, params.type);
    out.Varint(Field::kProtocol, params.protocol);
    out.Bool(Field::kNonblocking, params.nonblocking);
  });
}

void AppendLinuxBind(ByteBuffer* call, const Address& address) {
  AppendLinuxCall(call, Request::kBind, [&](WireWriter& out) {
    WriteAddress(out, wire::LinuxBind::kAddress, address);
  });
}

void AppendLinuxConnect(ByteBuffer* call, const Address& address,
                        uint32_t filler, bool unawaited) {
  AppendLinuxCall(call, Request::kConnect, [&](WireWriter& out) {
    WriteAddress(out, wire::LinuxConnect::kAddress, address);
    out.Varint(wire::LinuxConnect::kFiller, filler);
    out.Bool(wire::LinuxConnect::kUnawaited, unawaited);
  });
}

void AppendLinuxListen(ByteBuffer* call, int32_t backlog) {
  AppendLinuxCall(call, Request::kListen, [&](WireWriter& out) {
    out.Int32(wire::LinuxListen::kBacklog, backlog);
  });
}

void AppendLinuxName(ByteBuffer* call, bool peer) {
  AppendLinuxCall(call, Request::kName, [&](WireWriter& out) {
    out.Bool(wire::LinuxName::kPeer, peer);
  });
}

void AppendLinuxGetOption(ByteBuffer* call, int32_t level, int32_t name,
                          uint32_t length, ByteView value) {
  using Field = wire::LinuxGetOption;
  AppendLinuxCall(call, Request::kGetOption, [&](WireWriter& out) {
    out.Int32(Field::kLevel, level);
    out.Int32(Field::kName, name);
    out.Varint(Field::kLength, length);
    out.Bytes(Field::kValue, value.data, value.size);
  });
}

void AppendLinuxSetOption(ByteBuffer* call, int32_t level, int32_t name,
                          ByteView value) {
  using Field = wire::LinuxSetOption;
  AppendLinuxCall(call, Request::kSetOption, [&](WireWriter& out) {
    out.Int32(Field::kLevel, level);
    out.Int32(Field::kName, name);
    out.Bytes(Field::kValue, value.data, value.size);
  });
}

void AppendLinuxIoctl(ByteBuffer* call, uint64_t request, ByteView value) {
  using Field = wire::LinuxIoctl;
  AppendLinuxCall(call, Request::kIoctl, [&](WireWriter& out) {
    out.Varint(Field::kRequest, request);
    out.Bytes(Field::kValue, value.data, value.size);
  });
}

void AppendLinuxState(ByteBuffer* call, int32_t filler_change) {
  AppendLinuxCall(call, Request::kState, [&](WireWriter& out) {
    out.Int32(wire::LinuxState::kFillerChange, filler_change);
  });
}

void AppendLinuxShutdown(ByteBuffer* call, int32_t how) {
  AppendLinuxCall(call, Request::kShutdown, [&](WireWriter& out) {
    out.Int32(wire::LinuxShutdown::kHow, how);
  });
}

void AppendLinuxSend(ByteBuffer* call, const Address& to, ByteView data,
                     int32_t flags, ByteView control) {
  using Field = wire::LinuxSend;
  AppendLinuxCall(call, Request::kSend, [&](WireWriter& out) {
    WriteAddress(out, Field::kTo, to);
    out.Bytes(Field::kData, data.data, data.size);
    out.Int32(Field::kFlags, flags);
    out.Bytes(Field::kControl, control.data, control.size);
  });
}

void AppendLinuxReceiveError(ByteBuffer* call, uint32_t data_length,
                             uint32_t control_length) {
  using Field = wire::LinuxReceiveError;
  AppendLinuxCall(call, Request::kReceiveError, [&](WireWriter& out) {
    out.Varint(Field::kDataLength, data_length);
    out.Varint(Field::kControlLength, control_length);
  });
}

}  // namespace wsp
