#include "daemon/policy/policy_events.h"

#include <errno.h>

#include <algorithm>
#include <limits>

#include "daemon/base/log.h"
#include "daemon/journal/event_record.h"

namespace wspd {

void PolicyEvents::OnPolicyEvent(const PolicyEvent& event) {
  EventJournal* const journal = journal_.load(std::memory_order_acquire);
  if (!event.denied || journal == nullptr) return;
  static LogLimit limit(kMostPerSecond);
  const auto suppressed = limit.Admit();
  if (!suppressed) return;
  EventRecord record;
  record.suppressed = static_cast<uint32_t>(
      std::min<uint64_t>(*suppressed, std::numeric_limits<uint32_t>::max()));
  record.kind = wsp::v1::JournalEvent::KIND_SOCKET_REFUSED;
  record.pid = event.pid;
  record.uid = event.uid;
  record.linux_errno = EACCES;
  const bool local =
      event.action == Action::kBind || event.action == Action::kListen;
  (local ? record.local : record.peer) = event.address;
  record.SetDetail(event.rule);
  journal->Append(record);
}

}  // namespace wspd
