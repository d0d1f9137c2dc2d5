#include "client_stub/spi/address_strings.h"

#include <cstring>

#include "client_stub/spi/socket_addresses.h"

namespace wsp {
namespace {

constexpr int kGroups = 8;
constexpr int kIpv6Bytes = 16;

bool FitsInfo(int family, const WSAPROTOCOL_INFOW* info) {
  return info == nullptr || info->iAddressFamily == family;
}

// ------------------------------------------------------------------ formatting

// Text that is being written, of ASCII characters alone.
class Writer {
 public:
  void Append(char c) { text_[size_++] = c; }
  void AppendNumber(uint32_t number, uint32_t base) {
    if (number >= base) AppendNumber(number / base, base);
    Append("0123456789abcdef"[number % base]);
  }

  DWORD size() const { return size_; }
  char operator[](DWORD i) const { return text_[i]; }

 private:
  // "[", 39 for the longest address, "%4294967295", "]:65535".
  char text_[64];
  DWORD size_ = 0;
};

void AppendIpv4(const uint8_t* bytes, Writer* out) {
  for (int i = 0; i < 4; ++i) {
    if (i > 0) out->Append('.');
    out->AppendNumber(bytes[i], 10);
  }
}

struct Run {
  int begin = 0;
  int length = 0;
};

// The first of the longest runs of zeros.
Run LongestZeros(const uint16_t* groups) {
  Run longest, run;
  for (int i = 0; i < kGroups; ++i) {
    if (groups[i] != 0) {
      run = {i + 1, 0};
      continue;
    }
    if (++run.length > longest.length) longest = run;
  }
  return longest;
}

// As RFC 5952 has it: "::" for two zeros or more, lower case, and an IPv4
// address that is embedded as such in its own form.
void AppendIpv6(const uint8_t* bytes, Writer* out) {
  uint16_t groups[kGroups];
  for (int i = 0; i < kGroups; ++i) {
    groups[i] = static_cast<uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  }
  Run zeros = LongestZeros(groups);
  if (zeros.length < 2) zeros = {kGroups, 0};
  const bool mapped = zeros.length == 5 && groups[5] == 0xffff;
  const bool mixed = zeros.begin == 0 && (mapped || zeros.length == 6);
  const int zeros_end = zeros.begin + zeros.length;
  const int count = mixed ? kGroups - 2 : kGroups;
  for (int i = 0; i < count; ++i) {
    if (i == zeros.begin) {
      out->Append(':');
      out->Append(':');
    }
    if (i >= zeros.begin && i < zeros_end) continue;
    if (i > 0 && i != zeros_end) out->Append(':');
    out->AppendNumber(groups[i], 16);
  }
  if (!mixed) return;
  if (mapped) out->Append(':');
  AppendIpv4(bytes + kIpv6Bytes - 4, out);
}

void AppendAddress(const Address& address, Writer* out) {
  if (address.family == Address::kIpv4) {
    AppendIpv4(address.bytes, out);
  } else {
    if (address.port != 0) out->Append('[');
    AppendIpv6(address.bytes, out);
    if (address.scope_id != 0) {
      out->Append('%');
      out->AppendNumber(address.scope_id, 10);
    }
    if (address.port != 0) out->Append(']');
  }
  if (address.port != 0) {
    out->Append(':');
    out->AppendNumber(address.port, 10);
  }
}

// --------------------------------------------------------------------- parsing

// Text that is being read, up to its NUL.
class Reader {
 public:
  explicit Reader(const WCHAR* next) : next_(next) {}

  bool AtEnd() const { return *next_ == 0; }
  bool Take(char c) {
    if (*next_ != static_cast<WCHAR>(c)) return false;
    ++next_;
    return true;
  }
  // False if there is none in this base.
  bool TakeDigit(uint32_t base, uint32_t* digit) {
    const WCHAR c = *next_;
    if (c >= '0' && c <= '9') {
      *digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      *digit = static_cast<uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      *digit = static_cast<uint32_t>(c - 'A' + 10);
    } else {
      return false;
    }
    if (*digit >= base) return false;
    ++next_;
    return true;
  }

 private:
  const WCHAR* next_;
};

// All the digits there are, of which there must be one, for a number of at most
// `most`. How many they were, or 0.
int TakeDigits(uint32_t base, uint32_t most, Reader* in, uint32_t* number) {
  int count = 0;
  uint64_t value = 0;
  uint32_t digit;
  for (; in->TakeDigit(base, &digit); ++count) {
    value = value * base + digit;
    if (value > most) return 0;
  }
  *number = static_cast<uint32_t>(value);
  return count;
}

// A number as C writes it: 0x1f, 037 or 31.
bool TakeNumber(uint32_t most, Reader* in, uint32_t* number) {
  const Reader start = *in;
  if (!in->Take('0')) return TakeDigits(10, most, in, number) > 0;
  if (in->Take('x') || in->Take('X')) {
    return TakeDigits(16, most, in, number) > 0;
  }
  *in = start;
  return TakeDigits(8, most, in, number) > 0;
}

bool TakeIpv4(Reader* in, uint8_t* bytes) {
  uint32_t address = 0;
  for (int i = 0; i < 4; ++i) {
    uint32_t part;
    if (!TakeNumber(UINT32_MAX >> (8 * i), in, &part)) return false;
    const bool last = i == 3 || !in->Take('.');
    if (!last && part > 0xff) return false;
    address |= last ? part : part << (24 - 8 * i);
    if (last) break;
  }
  for (int i = 0; i < 4; ++i) {
    bytes[i] = static_cast<uint8_t>(address >> (24 - 8 * i));
  }
  return true;
}

// Four decimal numbers, as at the end of an IPv6 address.
bool TakeDottedQuad(Reader* in, uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) {
    uint32_t part;
    if (i > 0 && !in->Take('.')) return false;
    if (TakeDigits(10, 0xff, in, &part) == 0) return false;
    bytes[i] = static_cast<uint8_t>(part);
  }
  return true;
}

enum class Group { kNone, kHex, kDottedQuad };

// The next group, to the end of the *size bytes that there are.
Group TakeGroup(Reader* in, uint8_t* bytes, int* size) {
  if (*size <= kIpv6Bytes - 4) {
    Reader ahead = *in;
    if (TakeDottedQuad(&ahead, bytes + *size)) {
      *in = ahead;
      *size += 4;
      return Group::kDottedQuad;
    }
  }
  uint32_t group;
  if (*size == kIpv6Bytes) return Group::kNone;
  const int digits = TakeDigits(16, 0xffff, in, &group);
  if (digits == 0 || digits > 4) return Group::kNone;
  bytes[(*size)++] = static_cast<uint8_t>(group >> 8);
  bytes[(*size)++] = static_cast<uint8_t>(group);
  return Group::kHex;
}

bool TakeIpv6(Reader* in, uint8_t* bytes) {
  int size = 0;
  int gap = -1;  // where "::" is
  if (in->Take(':')) {
    if (!in->Take(':')) return false;
    gap = 0;
  }
  // Behind "::" there need be nothing.
  bool needed = gap < 0;
  while (true) {
    const Group group = TakeGroup(in, bytes, &size);
    if (group == Group::kNone && needed) return false;
    if (group != Group::kHex || !in->Take(':')) break;
    needed = !in->Take(':');
    if (needed) continue;
    if (gap >= 0) return false;
    gap = size;
  }
  if (gap < 0) return size == kIpv6Bytes;
  if (size == kIpv6Bytes) return false;
  const int behind = size - gap;
  std::memmove(bytes + kIpv6Bytes - behind, bytes + gap,
               static_cast<size_t>(behind));
  std::memset(bytes + gap, 0, static_cast<size_t>(kIpv6Bytes - size));
  return true;
}

bool TakePort(Reader* in, Address* address) {
  uint32_t port;
  if (!TakeNumber(0xffff, in, &port) || port == 0) return false;
  address->port = static_cast<uint16_t>(port);
  return true;
}

bool ParseIpv4(Reader in, Address* address) {
  address->family = Address::kIpv4;
  if (!TakeIpv4(&in, address->bytes)) return false;
  if (in.Take(':') && !TakePort(&in, address)) return false;
  return in.AtEnd();
}

bool ParseIpv6(Reader in, Address* address) {
  address->family = Address::kIpv6;
  const bool bracketed = in.Take('[');
  if (!TakeIpv6(&in, address->bytes)) return false;
  if (in.Take('%') &&
      TakeDigits(10, UINT32_MAX, &in, &address->scope_id) == 0) {
    return false;
  }
  if (bracketed) {
    if (!in.Take(']')) return false;
    if (in.Take(':') && !TakePort(&in, address)) return false;
  }
  return in.AtEnd();
}

}  // namespace

uint32_t AddressToString(const sockaddr* address, DWORD address_length,
                         const WSAPROTOCOL_INFOW* info, WCHAR* text,
                         DWORD* text_length) {
  if (address == nullptr || text_length == nullptr) return WSAEFAULT;
  u_short family;
  if (address_length < sizeof family) return WSAEINVAL;
  std::memcpy(&family, address, sizeof family);
  const int needed = SocketAddressLength(family);
  if (needed == 0 || address_length < static_cast<DWORD>(needed) ||
      !FitsInfo(family, info)) {
    return WSAEINVAL;
  }
  Address parsed;
  if (const uint32_t error =
          ReadSocketAddress(address, needed, family, &parsed)) {
    return error;
  }
  Writer out;
  AppendAddress(parsed, &out);
  out.Append('\0');
  const bool fits = text != nullptr && *text_length >= out.size();
  *text_length = out.size();
  if (!fits) return WSAEFAULT;
  for (DWORD i = 0; i < out.size(); ++i) text[i] = static_cast<WCHAR>(out[i]);
  return 0;
}

uint32_t StringToAddress(const WCHAR* text, INT family,
                         const WSAPROTOCOL_INFOW* info, sockaddr* address,
                         INT* address_length) {
  const int needed = SocketAddressLength(family);
  if (needed == 0 || !FitsInfo(family, info)) return WSAEINVAL;
  if (address_length == nullptr) return WSAEFAULT;
  if (address == nullptr || *address_length < needed) {
    *address_length = needed;
    return WSAEFAULT;
  }
  if (text == nullptr) return WSAEINVAL;
  Address parsed;
  const bool valid = family == AF_INET ? ParseIpv4(Reader(text), &parsed)
                                       : ParseIpv6(Reader(text), &parsed);
  if (!valid) return WSAEINVAL;
  return WriteSocketAddress(parsed, address, address_length);
}

}  // namespace wsp
