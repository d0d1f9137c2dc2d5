#ifndef WSPD_DAEMON_RESOLVER_LOOKUP_H_
#define WSPD_DAEMON_RESOLVER_LOOKUP_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// How much of an answer is kept; the rest is cut (wsp.v1.LookupResult).
inline constexpr size_t kMostLookupAddresses = 1024;
inline constexpr size_t kMostLookupAliases = 256;

// What a client wants to know of the name space: wsp.v1.LookupRequest, checked.
struct LookupQuestion {
  enum class Kind { kHost, kAddress, kService, kOwnHost };

  Kind kind = Kind::kHost;
  // Of kHost; not empty.
  std::string name;
  // Of kAddress; not empty.
  NetAddress address;
  // AF_INET, AF_INET6, or AF_UNSPEC for both.
  int family = AF_UNSPEC;
  // A name or a decimal number; empty: no service is asked for.
  std::string service;
  // SOCK_STREAM, SOCK_DGRAM, or 0 for both.
  int type = 0;
  // After which it ends with kTimedOut.
  absl::Duration time_limit = absl::InfiniteDuration();
  bool want_aliases = false;
};

enum class LookupError {
  kNone,
  kHostNotFound,
  // The name is there, but nothing of what was asked for.
  kNoData,
  // No server answered, or not now.
  kTryAgain,
  // Asking again won't help.
  kNoRecovery,
  kServiceNotFound,
  kTimedOut,
};

// A service as a transport has it.
struct LookupService {
  std::string name;
  // Host order.
  uint16_t port = 0;
  // SOCK_STREAM or SOCK_DGRAM.
  int type = 0;
  std::vector<std::string> aliases;
};

struct LookupAnswer {
  LookupAnswer() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  LookupAnswer(LookupError failure) : error(failure) {}

  struct Address {
    NetAddress address;
    // SOCK_STREAM, SOCK_DGRAM, or 0 if no service was asked for.
    int type = 0;
  };

  // If there is one, the rest is empty.
  LookupError error = LookupError::kNone;
  std::string canonical_name;
  std::vector<std::string> aliases;
  std::vector<Address> addresses;
  // Of kService.
  std::vector<LookupService> services;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RESOLVER_LOOKUP_H_
