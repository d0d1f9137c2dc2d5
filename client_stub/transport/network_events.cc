#include "client_stub/transport/network_events.h"

#include <cstring>

#include "client_stub/transport/wire_reader.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

// Ids are little-endian on the wire, as in the memory of all that this runs on.
constexpr size_t kIdBytes = sizeof(uint64_t);

void WriteIds(WireWriter& out, uint32_t field,
              const std::vector<uint64_t>& ids) {
  out.Bytes(field, ids.data(), ids.size() * kIdBytes);
}

bool ReadIds(ByteView bytes, std::vector<uint64_t>* ids) {
  if (bytes.size % kIdBytes != 0) return false;
  const size_t old = ids->size();
  ids->resize(old + bytes.size / kIdBytes);
  if (bytes.size > 0) std::memcpy(ids->data() + old, bytes.data, bytes.size);
  return true;
}

}  // namespace

void AppendSelect(ByteBuffer* call, const SelectParams& params) {
  using Field = wire::SelectRequest;
  call->reserve(call->size() +
                kIdBytes * (params.read.size() + params.write.size() +
                            params.except.size() + params.others.size()) +
                kIdBytes * 8);
  WireWriter(call).Message(wire::Call::kSelect, [&](WireWriter& out) {
    WriteIds(out, Field::kRead, params.read);
    WriteIds(out, Field::kWrite, params.write);
    WriteIds(out, Field::kExcept, params.except);
    out.Bool(Field::kNoWait, params.no_wait);
    out.Bool(Field::kPoll, params.poll);
    WriteIds(out, Field::kOthers, params.others);
  });
}

bool DecodeSelectReply(ByteView bytes, SelectReply* reply) {
  using Field = wire::SelectResult;
  bool valid = true;
  WireReader reader(bytes);
  while (valid && reader.Next()) {
    switch (reader.field()) {
      case Field::kRead:
        valid = ReadIds(reader.AsBytes(), &reply->read);
        break;
      case Field::kWrite:
        valid = ReadIds(reader.AsBytes(), &reply->write);
        break;
      case Field::kExcept:
        valid = ReadIds(reader.AsBytes(), &reply->except);
        break;
      case Field::kHungUp:
        valid = ReadIds(reader.AsBytes(), &reply->hung_up);
        break;
      case Field::kFailed:
        valid = ReadIds(reader.AsBytes(), &reply->failed);
        break;
      case Field::kInvalid:
        valid = ReadIds(reader.AsBytes(), &reply->invalid);
        break;
    }
  }
  return reader.ok() && valid;
}

void AppendEventSelect(ByteBuffer* call, uint32_t events,
                       uint64_t registration) {
  using Field = wire::EventSelectRequest;
  WireWriter(call).Message(wire::Call::kEventSelect, [&](WireWriter& out) {
    out.Varint(Field::kNetworkEvents, events);
    out.Varint(Field::kRegistration, registration);
  });
}

void AppendAsyncSelect(ByteBuffer* call, uint32_t events,
                       uint64_t registration) {
  using Field = wire::AsyncSelectRequest;
  WireWriter(call).Message(wire::Call::kAsyncSelect, [&](WireWriter& out) {
    out.Varint(Field::kNetworkEvents, events);
    out.Varint(Field::kRegistration, registration);
  });
}

void AppendEnumNetworkEvents(ByteBuffer* call, uint64_t up_to_count) {
  using Field = wire::EnumNetworkEventsRequest;
  WireWriter(call).Message(
      wire::Call::kEnumNetworkEvents,
      [&](WireWriter& out) { out.Varint(Field::kUpToCount, up_to_count); });
}

bool DecodeNetworkEventsReply(ByteView bytes, NetworkEventsReply* reply) {
  using Field = wire::EnumNetworkEventsResult;
  bool valid = true;
  WireReader reader(bytes);
  while (valid && reader.Next()) {
    switch (reader.field()) {
      case Field::kNetworkEvents:
        reply->events = reader.AsUint32();
        break;
      case Field::kErrors:
        valid = ReadPacked(reader.AsBytes(), reply->errors, kNetworkEvents);
        break;
      case Field::kCount:
        reply->count = reader.AsUint64();
        break;
    }
  }
  return reader.ok() && valid;
}

void AppendReenableEvents(ByteBuffer* call, uint32_t events) {
  using Field = wire::ReenableEventsRequest;
  WireWriter(call).Message(wire::Call::kReenableEvents, [&](WireWriter& out) {
    out.Varint(Field::kNetworkEvents, events);
  });
}

}  // namespace wsp
