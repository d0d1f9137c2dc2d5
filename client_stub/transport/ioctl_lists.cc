#include "client_stub/transport/ioctl_lists.h"

#include "client_stub/transport/wire_reader.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

bool DecodeInterface(ByteView bytes, IoctlLists::Interface* interface) {
  using Field = wire::InterfaceAddress;
  bool valid = true;
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kFlags:
        interface->flags = reader.AsUint32();
        break;
      case Field::kAddress:
        valid &= DecodeAddress(reader.AsBytes(), &interface->address);
        break;
      case Field::kNetmask:
        valid &= DecodeAddress(reader.AsBytes(), &interface->netmask);
        break;
      case Field::kBroadcast:
        valid &= DecodeAddress(reader.AsBytes(), &interface->broadcast);
        break;
    }
  }
  return reader.ok() && valid;
}

// Numbers one behind the other, as proto3 writes lists of them.
bool DecodePacked(ByteView bytes, std::vector<uint32_t>* numbers) {
  const uint8_t* at = bytes.data;
  const uint8_t* const end = at + bytes.size;
  while (at != end) {
    uint64_t number = 0;
    int shift = 0;
    for (;;) {
      if (at == end || shift > 28) return false;
      const uint8_t byte = *at++;
      number |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
      shift += 7;
    }
    numbers->push_back(static_cast<uint32_t>(number));
  }
  return true;
}

}  // namespace

bool DecodeIoctlLists(ByteView bytes, IoctlLists* lists) {
  using Field = wire::IoctlResult;
  bool valid = true;
  WireReader reader(bytes);
  while (valid && reader.Next()) {
    switch (reader.field()) {
      case Field::kAddresses:
        lists->addresses.emplace_back();
        valid = DecodeAddress(reader.AsBytes(), &lists->addresses.back());
        break;
      case Field::kInterfaces:
        lists->interfaces.emplace_back();
        valid = DecodeInterface(reader.AsBytes(), &lists->interfaces.back());
        break;
      case Field::kOrder:
        valid = DecodePacked(reader.AsBytes(), &lists->order);
        break;
    }
  }
  return reader.ok() && valid;
}

}  // namespace wsp
