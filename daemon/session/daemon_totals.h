#ifndef WSPD_DAEMON_SESSION_DAEMON_TOTALS_H_
#define WSPD_DAEMON_SESSION_DAEMON_TOTALS_H_

#include <cstdint>

namespace wspd {

// What the daemon has counted, of all clients together.
struct DaemonTotals {
  // Since the start.
  struct Bytes {
    uint64_t sent = 0;
    uint64_t received = 0;
  };
  // What Winsock clients were lent among them, as far as calls moved it.
  Bytes forwarded;
  // Linux programs', of sockets that have ended, where the kernel counts.
  Bytes lent;
  Bytes relayed;
  uint64_t clients_attached = 0;
  // Without their final WSPCleanup.
  uint64_t clients_died = 0;
  // Linux programs, without a farewell.
  uint64_t linux_clients_died = 0;
  // Those that came, also again after a resume.
  uint64_t calls = 0;

  // Now. Clients: those that are attached, or may still come back.
  uint32_t clients = 0;
  uint32_t max_clients = 0;
  // Whether no new ones are taken.
  bool draining = false;
  // Winsock clients', forwarded or lent, lingering ones not among them.
  uint64_t winsock_sockets = 0;
  // Linux programs'.
  uint64_t lent_sockets = 0;
  uint64_t relayed_sockets = 0;
  // Closed by their clients, still sending.
  uint64_t lingering_sockets = 0;
  // Calls whose results haven't been acknowledged.
  uint64_t calls_outstanding = 0;
  uint64_t lookups = 0;
  // Of WSPDuplicateSocket, not claimed.
  uint64_t tickets = 0;
  // To be told when addresses or routes change.
  uint64_t change_requests = 0;
  // Payload of sends that haven't ended, and of results that haven't been
  // acknowledged.
  uint64_t queued_bytes = 0;
  uint64_t kept_bytes = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_DAEMON_TOTALS_H_
