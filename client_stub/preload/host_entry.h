#ifndef WSPD_CLIENT_STUB_PRELOAD_HOST_ENTRY_H_
#define WSPD_CLIENT_STUB_PRELOAD_HOST_ENTRY_H_

#include <netdb.h>

#include <cstddef>

#include "client_stub/transport/lookup.h"

namespace wsp {

// Writes a host, as gethostbyname_r() does, into `entry` and the `size` bytes
// at `buffer`: its name (that of the reply, else `name`), its aliases, and its
// addresses of `family`, AF_INET or AF_INET6. False if there isn't room.
bool WriteHostEntry(const LookupReply& reply, const char* name, int family,
                    hostent* entry, char* buffer, size_t size);

// Of an address: the only one that the entry has is the one that was asked for.
LookupReply WithOnlyAddress(const LookupReply& reply, const Address& address);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_HOST_ENTRY_H_
