#include "client_stub/transport/linux_results.h"

#include "client_stub/transport/wire_reader.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

// Negative numbers take ten bytes on the wire.
int32_t AsInt32(WireReader* reader) {
  return static_cast<int32_t>(reader->AsUint64());
}

bool DecodeConnect(ByteView bytes, Completion* out) {
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == wire::LinuxConnectResult::kInProgress) {
      out->linux_result.in_progress = reader.AsBool();
    }
  }
  return reader.ok();
}

bool DecodeName(ByteView bytes, Completion* out) {
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == wire::LinuxNameResult::kAddress) {
      valid &= DecodeAddress(reader.AsBytes(), &out->peer);
    }
  }
  return reader.ok() && valid;
}

bool DecodeGetOption(ByteView bytes, Completion* out) {
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == wire::LinuxGetOptionResult::kValue) {
      out->data = reader.AsBytes();
    }
  }
  return reader.ok();
}

bool DecodeIoctl(ByteView bytes, Completion* out) {
  using Field = wire::LinuxIoctlResult;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == Field::kValue) {
      out->data = reader.AsBytes();
    } else if (reader.field() == Field::kResult) {
      out->linux_result.result = AsInt32(&reader);
    }
  }
  return reader.ok();
}

bool DecodeState(ByteView bytes, Completion* out) {
  using Field = wire::LinuxStateResult;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == Field::kState) {
      out->linux_result.state = reader.AsUint32();
    } else if (reader.field() == Field::kError) {
      out->linux_result.error = AsInt32(&reader);
    }
  }
  return reader.ok();
}

bool DecodeSend(ByteView bytes, Completion* out) {
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == wire::LinuxSendResult::kSent) {
      out->linux_result.sent = reader.AsUint32();
    }
  }
  return reader.ok();
}

bool DecodeReceiveError(ByteView bytes, Completion* out) {
  using Field = wire::LinuxReceiveErrorResult;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kFrom:
        valid &= DecodeAddress(reader.AsBytes(), &out->peer);
        break;
      case Field::kData:
        out->data = reader.AsBytes();
        break;
      case Field::kControl:
        out->linux_result.control = reader.AsBytes();
        break;
      case Field::kFlags:
        out->flags = static_cast<uint32_t>(AsInt32(&reader));
        break;
    }
  }
  return reader.ok() && valid;
}

}  // namespace

bool DecodeLinuxSocketResult(ByteView bytes, Completion* out) {
  using Field = wire::LinuxSocketResult;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == Field::kCookie) {
      out->cookie = reader.AsFixed64();
    } else if (reader.field() == Field::kNumber) {
      out->linux_result.number = reader.AsFixed64();
    }
  }
  return reader.ok();
}

bool DecodeLinuxCallResult(ByteView bytes, Completion* out) {
  using Field = wire::LinuxCallResult;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kConnect:
        valid &= DecodeConnect(reader.AsBytes(), out);
        break;
      case Field::kName:
        valid &= DecodeName(reader.AsBytes(), out);
        break;
      case Field::kGetOption:
        valid &= DecodeGetOption(reader.AsBytes(), out);
        break;
      case Field::kIoctl:
        valid &= DecodeIoctl(reader.AsBytes(), out);
        break;
      case Field::kState:
        valid &= DecodeState(reader.AsBytes(), out);
        break;
      case Field::kSend:
        valid &= DecodeSend(reader.AsBytes(), out);
        break;
      case Field::kReceiveError:
        valid &= DecodeReceiveError(reader.AsBytes(), out);
        break;
    }
  }
  return reader.ok() && valid;
}

}  // namespace wsp
