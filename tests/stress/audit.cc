#include "tests/stress/audit.h"

#include <sstream>

namespace wspd::testing {
namespace {

// What a closed socket was given and acknowledged arrives, in good order.
bool EndedInOrder(const ConnectionRecord& record) {
  return !record.peer_reset && !record.client_lost &&
         !record.client_cancelled &&
         (record.client_end == ClientEnd::kClosed ||
          record.client_end == ClientEnd::kClosedInPart);
}

bool WasReset(ClientEnd end) {
  return end == ClientEnd::kOpen || end == ClientEnd::kCleanedUp ||
         end == ClientEnd::kClosedHard;
}

std::string AuditToPeer(const ConnectionRecord& record) {
  const ClientEnd end = record.client_end;
  if (record.peer_got > record.client_given) {
    return "the peer got more than was sent";
  }
  if (record.peer_reset) return "";
  if (record.client_cancelled) {
    const bool lost = record.peer_end == PeerEnd::kOrderly &&
                      record.peer_got < record.client_acked;
    return lost ? "acknowledged bytes are lost" : "";
  }
  if (record.client_lost) return "reset, but not by the peer";
  if (EndedInOrder(record)) {
    if (record.peer_end != PeerEnd::kOrderly) return "closed, but not in order";
    if (record.peer_got < record.client_acked) {
      return "acknowledged bytes are lost";
    }
    if (end == ClientEnd::kClosed &&
        (record.client_acked != record.client_given ||
         record.peer_got != record.client_given)) {
      return "not all bytes of a closed socket arrived";
    }
    return "";
  }
  // Before its reset it may have shut down sending, which is orderly, too, and
  // comes after every byte.
  if (!WasReset(end) || record.peer_end == PeerEnd::kReset) return "";
  if (!record.client_shut) return "ended in order instead of by a reset";
  if (record.peer_got != record.client_given) {
    return "not all bytes before the shutdown arrived";
  }
  return "";
}

std::string AuditFromPeer(const ConnectionRecord& record) {
  if (record.client_got > record.peer_given) {
    return "more was received than the peer sent";
  }
  if (!record.client_saw_end) return "";
  if (!record.peer_shut) return "an orderly end that the peer didn't make";
  if (record.client_got != record.peer_given) {
    return "not all that the peer sent was received before its end";
  }
  return "";
}

}  // namespace

std::string AuditRecord(const ConnectionRecord& record,
                        const std::set<pid_t>& killed) {
  const ClientEnd end = record.client_end;
  const bool of_killed =
      killed.count(static_cast<pid_t>(record.owner.load())) > 0;
  if ((end == ClientEnd::kOpen || end == ClientEnd::kClosing) && !of_killed) {
    return "left open by a process that wasn't killed";
  }
  if (!record.peer_met) {
    return EndedInOrder(record) ? "the peer knows nothing of it" : "";
  }
  if (record.peer_end == PeerEnd::kNone && !record.peer_reset) {
    return "goes on for the peer";
  }
  const std::string error = AuditToPeer(record);
  return error.empty() ? AuditFromPeer(record) : error;
}

AuditTotals Audit(Ledger* ledger, const std::set<pid_t>& killed) {
  AuditTotals totals;
  for (uint32_t i = 1; i <= ledger->record_count(); ++i) {
    const ConnectionRecord& record = ledger->record(i);
    const std::string error = AuditRecord(record, killed);
    if (!error.empty()) {
      std::ostringstream what;
      what << error << "; given " << record.client_given << ", acknowledged "
           << record.client_acked << ", at the peer " << record.peer_got
           << "; from the peer " << record.peer_given << ", received "
           << record.client_got << "; ended by the client as "
           << static_cast<uint32_t>(record.client_end.load())
           << ", by the peer as "
           << static_cast<uint32_t>(record.peer_end.load())
           << (record.client_shut ? ", client shut" : "")
           << (record.client_cancelled ? ", a send cancelled" : "")
           << (record.client_saw_end ? ", client saw the end" : "")
           << (record.client_lost ? ", client saw a reset" : "")
           << (record.peer_shut ? ", peer shut" : "")
           << (record.peer_reset ? ", peer reset" : "") << ", of process "
           << record.owner;
      ledger->Fault(i, what.str());
    }
    if (!record.peer_met) continue;
    ++totals.connections;
    totals.exact += record.client_end == ClientEnd::kClosed &&
                    !record.peer_reset && !record.client_lost;
    totals.ends_seen += record.client_saw_end;
    totals.bytes_to_peers += record.peer_got;
    totals.bytes_from_peers += record.client_got;
  }
  return totals;
}

}  // namespace wspd::testing
