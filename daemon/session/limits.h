#ifndef WSPD_DAEMON_SESSION_LIMITS_H_
#define WSPD_DAEMON_SESSION_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "daemon/base/in_force.h"

namespace wspd {

// What clients are held to; proto/README.md says what happens above each.
struct SessionLimits {
  uint32_t sockets_per_client = 4096;
  uint32_t calls_per_client = 8192;
  uint64_t queued_bytes_per_client = 8 << 20;
  uint64_t kept_bytes_per_client = 1 << 20;
  uint32_t attachments_per_process = 16;
  uint32_t clients = 4096;
  uint32_t lookups_per_client = 256;
  uint32_t tickets_per_client = 256;
  uint32_t change_requests_per_client = 256;
  absl::Duration grace = absl::Seconds(2);

  bool operator==(const SessionLimits& other) const;
};

inline bool SessionLimits::operator==(const SessionLimits& other) const {
  return sockets_per_client == other.sockets_per_client &&
         calls_per_client == other.calls_per_client &&
         queued_bytes_per_client == other.queued_bytes_per_client &&
         kept_bytes_per_client == other.kept_bytes_per_client &&
         attachments_per_process == other.attachments_per_process &&
         clients == other.clients &&
         lookups_per_client == other.lookups_per_client &&
         tickets_per_client == other.tickets_per_client &&
         change_requests_per_client == other.change_requests_per_client &&
         grace == other.grace;
}

// Those of all clients. A reload replaces them at any time, so that they are
// read for each thing that is counted.
using LimitsInForce = InForce<SessionLimits>;

// Not configurable: both sides are built for them (and for kChunkBytes in
// daemon/winsock/call.h).
inline constexpr uint32_t kFrameBytes = 1 << 20;
inline constexpr uint32_t kSocketSendCreditBytes = 256 << 10;

// Sockets that the selects of an attachment may wait for, each counted as often
// as one waits for it. A result with all of them in it fits into a frame.
inline constexpr uint32_t kMostSelectedSockets = 64 << 10;

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_LIMITS_H_
