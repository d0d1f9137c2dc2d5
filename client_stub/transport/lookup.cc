#include "client_stub/transport/lookup.h"

#include <utility>

#include "client_stub/transport/requests.h"
#include "client_stub/transport/wire_reader.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

ByteBuffer Copy(ByteView bytes) {
  ByteBuffer copy;
  if (bytes.size > 0) copy.assign(bytes.data, bytes.data + bytes.size);
  return copy;
}

bool DecodeEntry(ByteView bytes, LookupReply::Entry* entry) {
  using Field = wire::LookupResult::Address;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == Field::kAddress) {
      valid &= DecodeAddress(reader.AsBytes(), &entry->address);
    } else if (reader.field() == Field::kType) {
      entry->type = reader.AsUint32();
    }
  }
  return reader.ok() && valid;
}

bool DecodeService(ByteView bytes, LookupReply::Service* service) {
  using Field = wire::LookupResult::Service;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kName:
        service->name = Copy(reader.AsBytes());
        break;
      case Field::kPort: {
        const uint32_t port = reader.AsUint32();
        valid &= port <= UINT16_MAX;
        service->port = static_cast<uint16_t>(port);
        break;
      }
      case Field::kType:
        service->type = reader.AsUint32();
        break;
      case Field::kAliases:
        service->aliases.push_back(Copy(reader.AsBytes()));
        break;
    }
  }
  return reader.ok() && valid;
}

}  // namespace

void AppendLookup(ByteBuffer* call, const LookupParams& params) {
  using Field = wire::LookupRequest;
  WireWriter(call).Message(wire::Call::kLookup, [&](WireWriter& out) {
    out.Varint(Field::kKind, params.kind);
    out.Bytes(Field::kName, params.name.data(), params.name.size());
    WriteAddress(out, Field::kAddress, params.address);
    out.Varint(Field::kFamily, params.family);
    out.Bytes(Field::kService, params.service.data(), params.service.size());
    out.Varint(Field::kType, params.type);
    out.Bool(Field::kWantAliases, params.want_aliases);
  });
}

bool DecodeLookupReply(ByteView bytes, LookupReply* reply) {
  using Field = wire::LookupResult;
  bool valid = true;
  WireReader reader(bytes);
  while (valid && reader.Next()) {
    switch (reader.field()) {
      case Field::kCanonicalName:
        reply->canonical_name = Copy(reader.AsBytes());
        break;
      case Field::kAliases:
        reply->aliases.push_back(Copy(reader.AsBytes()));
        break;
      case Field::kAddresses: {
        LookupReply::Entry entry;
        valid = DecodeEntry(reader.AsBytes(), &entry);
        // A family that is not known here says nothing.
        if (entry.address.family != Address::kNone) {
          reply->addresses.push_back(entry);
        }
        break;
      }
      case Field::kServices:
        reply->services.emplace_back();
        valid = DecodeService(reader.AsBytes(), &reply->services.back());
        break;
    }
  }
  return reader.ok() && valid;
}

}  // namespace wsp
