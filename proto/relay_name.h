#ifndef WSPD_PROTO_RELAY_NAME_H_
#define WSPD_PROTO_RELAY_NAME_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

// The abstract name of the daemon's end of a relayed socket: getpeername() on
// the program's end says so, in any process, what it is. It is a hint, not a
// secret and no proof: rights come by holding the descriptor (README.md,
// "Descriptors").
//
//     \0wspd-<instance>-<number>-<kind><family>-<protocol>
//
// in lower-case hexadecimal, 16 digits each for instance and number, and 3 for
// the protocol.
namespace wsp::relay {

enum class Kind : char {
  // Made by socket(); connected later or never.
  kStream = 's',
  // Accepted: connected from the start.
  kConnection = 'c',
  kDatagram = 'd',
};

struct Name {
  // Of the daemon: random, another one each time it starts.
  uint64_t instance = 0;
  // The daemon's number of the socket, never reused in its life.
  uint64_t number = 0;
  Kind kind = Kind::kStream;
  // AF_INET or AF_INET6.
  int family = AF_INET;
  // IPPROTO_*, never 0, at most 0xfff.
  int protocol = 0;
};

constexpr char kNamePrefix[] = "wspd-";
constexpr size_t kNamePrefixBytes = sizeof kNamePrefix - 1;
// With the zero in front.
constexpr size_t kNameBytes =
    1 + kNamePrefixBytes + 16 + 1 + 16 + 1 + 2 + 1 + 3;
constexpr socklen_t kNameAddressBytes =
    offsetof(sockaddr_un, sun_path) + kNameBytes;

namespace internal {

inline void PutHex(char* out, uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value >>= 4) {
    out[i] = "0123456789abcdef"[value & 15];
  }
}

// False: not all are digits.
inline bool TakeHex(const char* in, int digits, uint64_t* value) {
  *value = 0;
  for (int i = 0; i < digits; ++i) {
    const char c = in[i];
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && (c < 'a' || c > 'f')) return false;
    *value =
        *value << 4 | static_cast<uint64_t>(decimal ? c - '0' : c - 'a' + 10);
  }
  return true;
}

}  // namespace internal

// The name as an address of kNameAddressBytes.
inline sockaddr_un FormatName(const Name& name) {
  sockaddr_un address;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  char* out = address.sun_path + 1;
  memcpy(out, kNamePrefix, kNamePrefixBytes);
  out += kNamePrefixBytes;
  internal::PutHex(out, name.instance, 16);
  out[16] = '-';
  internal::PutHex(out + 17, name.number, 16);
  out[33] = '-';
  out[34] = static_cast<char>(name.kind);
  out[35] = name.family == AF_INET6 ? '6' : '4';
  out[36] = '-';
  internal::PutHex(out + 37, static_cast<uint64_t>(name.protocol), 3);
  return address;
}

// False: `address`, as getpeername() gave it, is no such name.
inline bool ParseName(const sockaddr_un& address, socklen_t size, Name* name) {
  if (size != kNameAddressBytes || address.sun_family != AF_UNIX ||
      address.sun_path[0] != '\0' ||
      memcmp(address.sun_path + 1, kNamePrefix, kNamePrefixBytes) != 0) {
    return false;
  }
  const char* in = address.sun_path + 1 + kNamePrefixBytes;
  uint64_t protocol;
  if (!internal::TakeHex(in, 16, &name->instance) || in[16] != '-' ||
      !internal::TakeHex(in + 17, 16, &name->number) || in[33] != '-' ||
      in[36] != '-' || !internal::TakeHex(in + 37, 3, &protocol)) {
    return false;
  }
  const char kind = in[34];
  if (kind != 's' && kind != 'c' && kind != 'd') return false;
  if (in[35] != '4' && in[35] != '6') return false;
  name->kind = static_cast<Kind>(kind);
  name->family = in[35] == '6' ? AF_INET6 : AF_INET;
  name->protocol = static_cast<int>(protocol);
  return true;
}

}  // namespace wsp::relay

#endif  // WSPD_PROTO_RELAY_NAME_H_
