// gethostbyname() and its relatives.
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "client_stub/preload/exported.h"
#include "client_stub/preload/host_entry.h"
#include "client_stub/preload/lookup_addresses.h"
#include "client_stub/preload/name_session.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/settings.h"
#include "client_stub/preload/shield.h"

namespace wsp {
namespace {

// What the _r functions write to.
struct HostResult {
  hostent* entry;
  char* buffer;
  size_t size;
  hostent** result;
  int* host_error;
};

// Of those without: the C library has one of each for the process, too.
constexpr size_t kStaticBytes = 64 << 10;
hostent g_entry;
char g_buffer[kStaticBytes];

// As the C library's, whose name services say it so.
int FailWith(const HostResult& out, NameError error) {
  switch (error) {
    case NameError::kNotFound:
      *out.host_error = HOST_NOT_FOUND;
      return 0;
    case NameError::kNoData:
      *out.host_error = NO_DATA;
      return 0;
    case NameError::kNoRecovery:
      *out.host_error = NO_RECOVERY;
      return EIO;
    case NameError::kNoDaemon:
      *out.host_error = TRY_AGAIN;
      return ENETDOWN;
    default:
      *out.host_error = TRY_AGAIN;
      return EAGAIN;
  }
}

int Finish(const HostResult& out, bool written) {
  if (!written) {
    *out.host_error = NETDB_INTERNAL;
    return ERANGE;
  }
  *out.result = out.entry;
  *out.host_error = NETDB_SUCCESS;
  return 0;
}

// What needs no lookup, and what is nobody's name.
bool IsNumeric(const char* name) {
  in_addr ipv4;
  in6_addr ipv6;
  return inet_aton(name, &ipv4) != 0 || inet_pton(AF_INET6, name, &ipv6) == 1;
}

bool HasAddressOf(const LookupReply& reply, int family) {
  const auto wanted = family == AF_INET ? Address::kIpv4 : Address::kIpv6;
  for (const LookupReply::Entry& entry : reply.addresses) {
    if (entry.address.family == wanted) return true;
  }
  return false;
}

int HostByName(const char* name, int family, const HostResult& out) {
  *out.result = nullptr;
  Shield shield;
  LookupReply reply;
  NameError error = LookUp(shield, HostQuestion(name, family, true), &reply);
  if (error == NameError::kNone && !HasAddressOf(reply, family)) {
    error = NameError::kNoData;
  }
  if (error != NameError::kNone) return FailWith(out, error);
  return Finish(out, WriteHostEntry(reply, name, family, out.entry, out.buffer,
                                    out.size));
}

int HostByAddress(const Address& address, int family, const HostResult& out) {
  *out.result = nullptr;
  Shield shield;
  LookupReply reply;
  const NameError error = LookUp(shield, AddressQuestion(address), &reply);
  if (error != NameError::kNone) return FailWith(out, error);
  return Finish(out, WriteHostEntry(WithOnlyAddress(reply, address), "", family,
                                    out.entry, out.buffer, out.size));
}

// Whether the address is one that the daemon is asked for.
bool InternetAddress(const void* bytes, socklen_t size, int family,
                     Address* address) {
  *address = Address();
  if (family == AF_INET && size == sizeof(in_addr)) {
    address->family = Address::kIpv4;
  } else if (family == AF_INET6 && size == sizeof(in6_addr)) {
    address->family = Address::kIpv6;
  } else {
    return false;
  }
  memcpy(address->bytes, bytes, size);
  return true;
}

bool IsTheDaemons(const char* name, int family) {
  return (family == AF_INET || family == AF_INET6) && !IsNumeric(name);
}

bool FallsBack(int error) {
  return error == ENETDOWN && ProcessSettings().fallback;
}

// The functions with one entry for the process: null, and h_errno, for errors.
template <typename Ask, typename Fallback>
hostent* WithStaticEntry(Ask ask, Fallback fall_back) {
  hostent* result = nullptr;
  int host_error = 0;
  const int error =
      ask({&g_entry, g_buffer, sizeof g_buffer, &result, &host_error});
  if (FallsBack(error)) return fall_back();
  if (error != 0) errno = error;
  if (result == nullptr) h_errno = host_error;
  return result;
}

hostent* StaticHostByName(const char* name, int family) {
  return WithStaticEntry(
      [&](const HostResult& out) { return HostByName(name, family, out); },
      [&] { return Real().gethostbyname2(name, family); });
}

}  // namespace
}  // namespace wsp

WSP_INTERPOSED hostent* gethostbyname(const char* name) {
  if (!wsp::IsTheDaemons(name, AF_INET)) {
    return wsp::Real().gethostbyname(name);
  }
  return wsp::StaticHostByName(name, AF_INET);
}

WSP_INTERPOSED hostent* gethostbyname2(const char* name, int family) {
  if (!wsp::IsTheDaemons(name, family)) {
    return wsp::Real().gethostbyname2(name, family);
  }
  return wsp::StaticHostByName(name, family);
}

WSP_INTERPOSED int gethostbyname2_r(const char* name, int family,
                                    hostent* entry, char* buffer, size_t size,
                                    hostent** result, int* host_error) {
  if (wsp::IsTheDaemons(name, family)) {
    const int error = wsp::HostByName(
        name, family, {entry, buffer, size, result, host_error});
    if (!wsp::FallsBack(error)) return error;
  }
  return wsp::Real().gethostbyname2_r(name, family, entry, buffer, size, result,
                                      host_error);
}

WSP_INTERPOSED int gethostbyname_r(const char* name, hostent* entry,
                                   char* buffer, size_t size, hostent** result,
                                   int* host_error) {
  if (wsp::IsTheDaemons(name, AF_INET)) {
    const int error = wsp::HostByName(
        name, AF_INET, {entry, buffer, size, result, host_error});
    if (!wsp::FallsBack(error)) return error;
  }
  return wsp::Real().gethostbyname_r(name, entry, buffer, size, result,
                                     host_error);
}

WSP_INTERPOSED hostent* gethostbyaddr(const void* address, socklen_t size,
                                      int family) {
  wsp::Address internet;
  const auto natively = [&] {
    return wsp::Real().gethostbyaddr(address, size, family);
  };
  if (!wsp::InternetAddress(address, size, family, &internet)) {
    return natively();
  }
  return wsp::WithStaticEntry(
      [&](const wsp::HostResult& out) {
        return wsp::HostByAddress(internet, family, out);
      },
      natively);
}

WSP_INTERPOSED int gethostbyaddr_r(const void* address, socklen_t size,
                                   int family, hostent* entry, char* buffer,
                                   size_t buffer_size, hostent** result,
                                   int* host_error) {
  wsp::Address internet;
  if (wsp::InternetAddress(address, size, family, &internet)) {
    const int error = wsp::HostByAddress(
        internet, family, {entry, buffer, buffer_size, result, host_error});
    if (!wsp::FallsBack(error)) return error;
  }
  return wsp::Real().gethostbyaddr_r(address, size, family, entry, buffer,
                                     buffer_size, result, host_error);
}
