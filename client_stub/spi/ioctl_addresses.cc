// WSPIoctl's codes that have addresses in them (reference, section 4.9).
#include <ws2tcpip.h>

#include <cstddef>
#include <cstring>

#include "client_stub/spi/ioctls.h"
#include "client_stub/spi/socket_addresses.h"
#include "client_stub/transport/ioctl_lists.h"

namespace wsp {
namespace {

// Limit of proto/README.md.
constexpr size_t kMostSorted = 1024;

constexpr size_t kListHead = offsetof(SOCKET_ADDRESS_LIST, Address);

uint32_t AskForLists(SpiCall* call, const IoctlParams& params,
                     IoctlLists* lists) {
  ByteBuffer bytes;
  Reply reply;
  reply.whole = &bytes;
  const uint32_t error = call->Invoke(
      CallHeader(),
      [&](Call* request) { AppendIoctl(&request->bytes, params); }, &reply);
  if (error != 0) return error;
  // What was said makes no sense.
  if (!DecodeIoctlLists({bytes.data(), bytes.size()}, lists)) {
    return WSAENETDOWN;
  }
  return 0;
}

// Whether the caller has room for `needed` bytes, which are counted in any
// case.
bool HasRoom(const IoctlBuffers& buffers, size_t needed, DWORD* returned) {
  *returned = static_cast<DWORD>(needed);
  return buffers.out != nullptr && buffers.out_bytes >= needed;
}

}  // namespace

// -------------------------------------------------------------------- routing

uint32_t ReadDestination(const SpiCall& call, const IoctlBuffers& buffers,
                         Address* address) {
  const int family = call.socket()->family;
  const int length = SocketAddressLength(family);
  if (buffers.in == nullptr || buffers.in_bytes < static_cast<DWORD>(length)) {
    return WSAEINVAL;
  }
  if (const uint32_t error = ReadSocketAddress(
          static_cast<const sockaddr*>(buffers.in), length, family, address)) {
    return error;
  }
  const Address none;
  return std::memcmp(address->bytes, none.bytes, sizeof none.bytes) == 0
             ? WSAEINVAL
             : 0;
}

uint32_t QueryRoutingInterface(SpiCall* call, const IoctlTraits& traits,
                               const IoctlBuffers& buffers, DWORD* returned) {
  IoctlParams params;
  params.code = traits.code;
  if (const uint32_t error = ReadDestination(*call, buffers, &params.address)) {
    return error;
  }
  int length = SocketAddressLength(call->socket()->family);
  if (!HasRoom(buffers, static_cast<size_t>(length), returned)) {
    return WSAEFAULT;
  }
  IoctlLists lists;
  if (const uint32_t error = AskForLists(call, params, &lists)) return error;
  if (lists.addresses.size() != 1) return WSAENETDOWN;
  return WriteSocketAddress(lists.addresses[0],
                            static_cast<sockaddr*>(buffers.out), &length);
}

// ----------------------------------------------------------- lists of
// addresses

// The entries come first, then the addresses that they point to.
uint32_t QueryAddressList(SpiCall* call, const IoctlTraits& traits,
                          const IoctlBuffers& buffers, DWORD* returned) {
  IoctlParams params;
  params.code = traits.code;
  IoctlLists lists;
  if (const uint32_t error = AskForLists(call, params, &lists)) return error;
  const size_t count = lists.addresses.size();
  const auto length =
      static_cast<size_t>(SocketAddressLength(call->socket()->family));
  const size_t names = kListHead + count * sizeof(SOCKET_ADDRESS);
  if (!HasRoom(buffers, names + count * length, returned)) return WSAEFAULT;
  char* const out = static_cast<char*>(buffers.out);
  const auto listed = static_cast<INT>(count);
  std::memcpy(out, &listed, sizeof listed);
  for (size_t i = 0; i < count; ++i) {
    auto* const name = reinterpret_cast<sockaddr*>(out + names + i * length);
    SOCKET_ADDRESS entry = {name, static_cast<INT>(length)};
    if (WriteSocketAddress(lists.addresses[i], name, &entry.iSockaddrLength) !=
        0) {
      return WSAENETDOWN;
    }
    std::memcpy(out + kListHead + i * sizeof entry, &entry, sizeof entry);
  }
  return 0;
}

namespace {

SOCKET_ADDRESS EntryOf(const void* list, size_t index) {
  SOCKET_ADDRESS entry;
  std::memcpy(&entry,
              static_cast<const char*>(list) + kListHead + index * sizeof entry,
              sizeof entry);
  return entry;
}

// Without a family, if it isn't one.
Address AddressOf(const void* list, size_t index) {
  const SOCKET_ADDRESS entry = EntryOf(list, index);
  Address address;
  for (const int family : {AF_INET6, AF_INET}) {
    if (ReadSocketAddress(entry.lpSockaddr, entry.iSockaddrLength, family,
                          &address) == 0) {
      return address;
    }
  }
  return Address();
}

uint32_t CheckList(const IoctlBuffers& buffers, size_t* count) {
  if (buffers.in == nullptr || buffers.in_bytes < kListHead) return WSAEINVAL;
  INT listed;
  std::memcpy(&listed, buffers.in, sizeof listed);
  if (listed < 0 || static_cast<size_t>(listed) > kMostSorted) {
    return WSAEINVAL;
  }
  *count = static_cast<size_t>(listed);
  if (buffers.in_bytes < kListHead + *count * sizeof(SOCKET_ADDRESS)) {
    return WSAEINVAL;
  }
  for (size_t i = 0; i < *count; ++i) {
    if (AddressOf(buffers.in, i).family == Address::kNone) return WSAEINVAL;
  }
  return 0;
}

bool IsPermutation(const std::vector<uint32_t>& order, size_t count) {
  std::vector<bool> seen(count);
  for (const uint32_t index : order) {
    if (index >= count || seen[index]) return false;
    seen[index] = true;
  }
  return order.size() == count;
}

}  // namespace

// The entries change places; what they point to stays where it is. Both buffers
// may be the same.
uint32_t SortAddressList(SpiCall* call, const IoctlTraits& traits,
                         const IoctlBuffers& buffers, DWORD* returned) {
  if (call->socket()->family != AF_INET6) return WSAEOPNOTSUPP;
  IoctlParams params;
  params.code = traits.code;
  params.addresses = buffers.in;
  params.address_at = &AddressOf;
  if (const uint32_t error = CheckList(buffers, &params.address_count)) {
    return error;
  }
  const size_t count = params.address_count;
  if (!HasRoom(buffers, kListHead + count * sizeof(SOCKET_ADDRESS), returned)) {
    return WSAEFAULT;
  }
  IoctlLists lists;
  if (const uint32_t error = AskForLists(call, params, &lists)) return error;
  if (!IsPermutation(lists.order, count)) return WSAENETDOWN;
  std::vector<SOCKET_ADDRESS> entries;
  for (const uint32_t index : lists.order) {
    entries.push_back(EntryOf(buffers.in, index));
  }
  const auto listed = static_cast<INT>(count);
  std::memcpy(buffers.out, &listed, sizeof listed);
  if (count > 0) {
    std::memcpy(static_cast<char*>(buffers.out) + kListHead, entries.data(),
                count * sizeof(SOCKET_ADDRESS));
  }
  return 0;
}

// ----------------------------------------------------------------- interfaces

namespace {

// What is longer than the structure has room for, the scope of an IPv6 address,
// is left out, as it was before there were scopes.
void StoreAddress(const Address& address, sockaddr_gen* to) {
  sockaddr_in6 name;
  int length = sizeof name;
  std::memset(&name, 0, sizeof name);
  if (WriteSocketAddress(address, reinterpret_cast<sockaddr*>(&name),
                         &length) == 0) {
    std::memcpy(to, &name, sizeof *to);
  }
}

Address EverybodysAddress() {
  Address address;
  address.family = Address::kIpv4;
  std::memset(address.bytes, 0xff, 4);
  return address;
}

}  // namespace

uint32_t GetInterfaceList(SpiCall* call, const IoctlTraits& traits,
                          const IoctlBuffers& buffers, DWORD* returned) {
  // Of this list nobody is told how long it is.
  if (buffers.out == nullptr) return WSAEFAULT;
  IoctlParams params;
  params.code = traits.code;
  IoctlLists lists;
  if (const uint32_t error = AskForLists(call, params, &lists)) return error;
  if (buffers.out_bytes / sizeof(INTERFACE_INFO) < lists.interfaces.size()) {
    return WSAEFAULT;
  }
  char* out = static_cast<char*>(buffers.out);
  for (const IoctlLists::Interface& entry : lists.interfaces) {
    INTERFACE_INFO info;
    std::memset(&info, 0, sizeof info);
    info.iiFlags = entry.flags;
    StoreAddress(entry.address, &info.iiAddress);
    StoreAddress(entry.netmask, &info.iiNetmask);
    if (entry.broadcast.family != Address::kNone) {
      StoreAddress(entry.broadcast, &info.iiBroadcastAddress);
    } else if (call->socket()->family == AF_INET) {
      StoreAddress(EverybodysAddress(), &info.iiBroadcastAddress);
    }
    std::memcpy(out, &info, sizeof info);
    out += sizeof info;
  }
  *returned = static_cast<DWORD>(out - static_cast<char*>(buffers.out));
  return 0;
}

// IPv6 has none.
uint32_t GetBroadcastAddress(SpiCall* call, const IoctlTraits&,
                             const IoctlBuffers& buffers, DWORD* returned) {
  if (call->socket()->family != AF_INET) return WSAENOPROTOOPT;
  int length = static_cast<int>(buffers.out_bytes);
  const uint32_t error = WriteSocketAddress(
      EverybodysAddress(), static_cast<sockaddr*>(buffers.out), &length);
  if (error == 0) *returned = static_cast<DWORD>(length);
  return error;
}

}  // namespace wsp
