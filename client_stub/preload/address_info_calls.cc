// getaddrinfo() and getnameinfo().
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "client_stub/preload/address_info.h"
#include "client_stub/preload/exported.h"
#include "client_stub/preload/lookup_addresses.h"
#include "client_stub/preload/name_session.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/settings.h"
#include "client_stub/preload/shield.h"

namespace wsp {
namespace {

int EaiOf(NameError error) {
  switch (error) {
    case NameError::kNone:
      return 0;
    case NameError::kNotFound:
      return EAI_NONAME;
    case NameError::kNoData:
      return EAI_NODATA;
    case NameError::kNoRecovery:
      return EAI_FAIL;
    case NameError::kTryAgain:
    case NameError::kNoDaemon:
      break;
  }
  // As without an answering server.
  return EAI_AGAIN;
}

// Names travel as DNS has them.
bool IsAscii(const char* name) {
  for (; *name != '\0'; ++name) {
    if ((static_cast<unsigned char>(*name) & 0x80) != 0) return false;
  }
  return true;
}

// What stands for a question that the C library answers without a network.
addrinfo LocalHints(const addrinfo& hints) {
  addrinfo local = hints;
  // The interfaces that count are the daemon's.
  local.ai_flags &= ~AI_ADDRCONFIG;
  return local;
}

// Has the daemon look `node` up. `no_daemon` says that it wasn't there.
int AskForHost(const char* node, const addrinfo& hints,
               const addrinfo* services, bool* no_daemon, addrinfo** result) {
  Shield shield;
  const auto end = [no_daemon](NameError error) {
    *no_daemon = error == NameError::kNoDaemon;
    return EaiOf(error);
  };
  AddressFamilies families = FamiliesOf(hints);
  if ((hints.ai_flags & AI_ADDRCONFIG) != 0) {
    LookupReply own_host;
    const NameError error = LookUp(shield, OwnHostQuestion(), &own_host);
    if (error != NameError::kNone && error != NameError::kNoData) {
      return end(error);
    }
    if (!RestrictToConfigured(own_host, &families)) return EAI_NONAME;
  }
  LookupReply reply;
  const NameError error = LookUp(
      shield,
      HostQuestion(node, families.map_ipv4 ? AF_UNSPEC : families.asked, false),
      &reply);
  if (error != NameError::kNone) return end(error);
  ByteBuffer canonical = reply.canonical_name;
  canonical.push_back('\0');
  const char* name = nullptr;
  if ((hints.ai_flags & AI_CANONNAME) != 0) {
    name = canonical.size() > 1
               ? reinterpret_cast<const char*>(canonical.data())
               : node;
  }
  return MakeAddressList(reply, families, services, name, result);
}

int GetAddressInfo(const char* node, const char* service, const addrinfo& hints,
                   addrinfo** result) {
  const RealFunctions& real = Real();
  addrinfo local = LocalHints(hints);
  if (node == nullptr || (hints.ai_flags & AI_NUMERICHOST) != 0) {
    return real.getaddrinfo(node, service, &local, result);
  }
  local.ai_flags |= AI_NUMERICHOST;
  int error = real.getaddrinfo(node, service, &local, result);
  // Numeric after all, or wrong in some way that no host changes.
  if (error != EAI_NONAME) return error;
  if (!IsAscii(node)) {
    return (hints.ai_flags & AI_IDN) != 0 ? EAI_IDN_ENCODE : EAI_NONAME;
  }
  // Socket types, protocols and ports, in the C library's order.
  addrinfo* services = nullptr;
  local.ai_family = AF_INET;
  local.ai_flags = AI_NUMERICHOST | (hints.ai_flags & AI_NUMERICSERV);
  error = real.getaddrinfo("0.0.0.0", service, &local, &services);
  if (error != 0) return error;
  bool no_daemon = false;
  error = AskForHost(node, hints, services, &no_daemon, result);
  freeaddrinfo(services);
  if (!no_daemon) return error;
  if (ProcessSettings().fallback) {
    return real.getaddrinfo(node, service, &hints, result);
  }
  errno = ENETDOWN;
  return error;
}

// The host's name of an Internet address, from the daemon; `reply` has it.
NameError AskForName(const Address& address, char* host, socklen_t size,
                     bool* fits) {
  Shield shield;
  LookupReply reply;
  const NameError error = LookUp(shield, AddressQuestion(address), &reply);
  if (error != NameError::kNone) return error;
  const ByteBuffer& name = reply.canonical_name;
  if (name.empty()) return NameError::kNotFound;
  *fits = name.size() < size;
  if (*fits) {
    memcpy(host, name.data(), name.size());
    host[name.size()] = '\0';
  }
  return NameError::kNone;
}

int GetNameInfo(const Address& internet, const sockaddr* address,
                socklen_t address_size, char* host, socklen_t host_size,
                char* service, socklen_t service_size, int flags) {
  const RealFunctions& real = Real();
  bool fits = false;
  const NameError error = AskForName(internet, host, host_size, &fits);
  if (error == NameError::kNoDaemon && ProcessSettings().fallback) {
    return real.getnameinfo(address, address_size, host, host_size, service,
                            service_size, flags);
  }
  if (error != NameError::kNone) {
    if ((flags & NI_NAMEREQD) != 0) {
      return error == NameError::kNoData ? EAI_NONAME : EaiOf(error);
    }
    return real.getnameinfo(address, address_size, host, host_size, service,
                            service_size, flags | NI_NUMERICHOST);
  }
  if (!fits) return EAI_OVERFLOW;
  if (service == nullptr || service_size == 0) return 0;
  return real.getnameinfo(address, address_size, nullptr, 0, service,
                          service_size, flags & ~NI_NAMEREQD);
}

}  // namespace
}  // namespace wsp

WSP_INTERPOSED int getaddrinfo(const char* node, const char* service,
                               const addrinfo* hints, addrinfo** result) {
  if (hints != nullptr) {
    return wsp::GetAddressInfo(node, service, *hints, result);
  }
  addrinfo defaults;
  memset(&defaults, 0, sizeof defaults);
  defaults.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG;
  return wsp::GetAddressInfo(node, service, defaults, result);
}

WSP_INTERPOSED int getnameinfo(const sockaddr* address, socklen_t address_size,
                               char* host, socklen_t host_size, char* service,
                               socklen_t service_size, int flags) {
  wsp::Address internet;
  if (address == nullptr || host == nullptr || host_size == 0 ||
      (flags & NI_NUMERICHOST) != 0 ||
      !wsp::AddressOf(address, address_size, &internet)) {
    return wsp::Real().getnameinfo(address, address_size, host, host_size,
                                   service, service_size, flags);
  }
  return wsp::GetNameInfo(internet, address, address_size, host, host_size,
                          service, service_size, flags);
}
