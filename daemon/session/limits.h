#ifndef WSPD_DAEMON_SESSION_LIMITS_H_
#define WSPD_DAEMON_SESSION_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

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
};

// Not configurable: both sides are built for them (and for kChunkBytes in
// daemon/winsock/call.h).
inline constexpr uint32_t kFrameBytes = 1 << 20;
inline constexpr uint32_t kSocketSendCreditBytes = 256 << 10;

// Sockets that the selects of an attachment may wait for, each counted as often
// as one waits for it. A result with all of them in it fits into a frame.
inline constexpr uint32_t kMostSelectedSockets = 64 << 10;

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_LIMITS_H_
