#include "client_stub/preload/host_entry.h"

#include <netinet/in.h>
#include <string.h>

#include <cstdint>

namespace wsp {
namespace {

// Cuts pieces off a buffer; null once there isn't room.
class Room {
 public:
  Room(char* buffer, size_t size) : next_(buffer), left_(size) {}

  char* Take(size_t size, size_t alignment) {
    const size_t skip =
        (alignment - reinterpret_cast<uintptr_t>(next_) % alignment) %
        alignment;
    if (full_ || left_ < skip || left_ - skip < size) {
      full_ = true;
      return nullptr;
    }
    char* piece = next_ + skip;
    next_ = piece + size;
    left_ -= skip + size;
    return piece;
  }

  char** TakePointers(size_t count) {
    return reinterpret_cast<char**>(
        Take(count * sizeof(char*), alignof(char*)));
  }

  char* Copy(const void* bytes, size_t size, size_t alignment) {
    char* piece = Take(size, alignment);
    if (piece != nullptr) memcpy(piece, bytes, size);
    return piece;
  }

  char* CopyName(const ByteBuffer& name) {
    char* piece = Take(name.size() + 1, 1);
    if (piece == nullptr) return nullptr;
    if (!name.empty()) memcpy(piece, name.data(), name.size());
    piece[name.size()] = '\0';
    return piece;
  }

  bool full() const { return full_; }

 private:
  char* next_;
  size_t left_;
  bool full_ = false;
};

}  // namespace

bool WriteHostEntry(const LookupReply& reply, const char* name, int family,
                    hostent* entry, char* buffer, size_t size) {
  const auto wanted = family == AF_INET ? Address::kIpv4 : Address::kIpv6;
  const size_t bytes = family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr);
  Room room(buffer, size);
  char** addresses = room.TakePointers(reply.addresses.size() + 1);
  char** aliases = room.TakePointers(reply.aliases.size() + 1);
  if (room.full()) return false;
  for (const LookupReply::Entry& item : reply.addresses) {
    if (item.address.family != wanted) continue;
    *addresses++ = room.Copy(item.address.bytes, bytes, alignof(in6_addr));
  }
  *addresses = nullptr;
  for (const ByteBuffer& alias : reply.aliases) {
    *aliases++ = room.CopyName(alias);
  }
  *aliases = nullptr;
  entry->h_name = reply.canonical_name.empty()
                      ? room.Copy(name, strlen(name) + 1, 1)
                      : room.CopyName(reply.canonical_name);
  // The lists are where the buffer begins.
  Room again(buffer, size);
  entry->h_addr_list = again.TakePointers(reply.addresses.size() + 1);
  entry->h_aliases = again.TakePointers(reply.aliases.size() + 1);
  entry->h_addrtype = family;
  entry->h_length = static_cast<int>(bytes);
  return !room.full();
}

LookupReply WithOnlyAddress(const LookupReply& reply, const Address& address) {
  LookupReply only = reply;
  only.addresses.clear();
  LookupReply::Entry entry;
  entry.address = address;
  only.addresses.push_back(entry);
  return only;
}

}  // namespace wsp
