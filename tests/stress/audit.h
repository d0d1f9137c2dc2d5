#ifndef WSPD_TESTS_STRESS_AUDIT_H_
#define WSPD_TESTS_STRESS_AUDIT_H_

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>

#include "tests/stress/ledger.h"

namespace wspd::testing {

struct AuditTotals {
  uint32_t connections = 0;  // that a peer met
  uint32_t exact = 0;        // whose bytes to the peer are known exactly
  uint32_t ends_seen = 0;    // whose bytes from the peer are
  uint64_t bytes_to_peers = 0;
  uint64_t bytes_from_peers = 0;
};

// Checks a record when both sides are done. Empty, or what doesn't add up.
// `killed` are the processes that were killed, who alone may leave connections
// open.
std::string AuditRecord(const ConnectionRecord& record,
                        const std::set<pid_t>& killed);

// Checks all; a fault of the ledger for each that is wrong.
AuditTotals Audit(Ledger* ledger, const std::set<pid_t>& killed);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_AUDIT_H_
