#ifndef WSPD_CLIENT_STUB_TRANSPORT_LOOKUP_H_
#define WSPD_CLIENT_STUB_TRANSPORT_LOOKUP_H_

#include <cstdint>
#include <vector>

#include "client_stub/transport/server_frame.h"
#include "client_stub/transport/wire_writer.h"

namespace wsp {

// A LookupRequest. Kinds, families and types are the wire's.
struct LookupParams {
  uint32_t kind = 0;
  // UTF-8.
  ByteBuffer name;
  Address address;
  uint32_t family = 0;
  ByteBuffer service;
  uint32_t type = 0;
  bool want_aliases = false;
};

void AppendLookup(ByteBuffer* call, const LookupParams& params);

// A LookupResult.
struct LookupReply {
  struct Entry {
    Address address;
    uint32_t type = 0;
  };
  struct Service {
    ByteBuffer name;
    uint16_t port = 0;
    uint32_t type = 0;
    std::vector<ByteBuffer> aliases;
  };

  ByteBuffer canonical_name;
  std::vector<ByteBuffer> aliases;
  std::vector<Entry> addresses;
  std::vector<Service> services;
};

// Decodes the bytes of a LookupResult; false if they are malformed.
bool DecodeLookupReply(ByteView bytes, LookupReply* reply);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_LOOKUP_H_
