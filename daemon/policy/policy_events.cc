#include "daemon/policy/policy_events.h"

#include <errno.h>

#include <algorithm>
#include <limits>

#include "daemon/base/log.h"
#include "daemon/journal/event_record.h"

namespace wspd {
namespace {

EventRecord RecordOf(const PolicyEvent& event) {
  EventRecord record;
  record.kind = wsp::v1::JournalEvent::KIND_SOCKET_REFUSED;
  record.action = static_cast<wsp::v1::PolicyAction>(event.action);
  record.client_id = event.client_id;
  record.pid = event.pid;
  record.uid = event.uid;
  record.plane = event.socket.plane;
  record.protocol = event.socket.protocol;
  // What isn't accepted has no number of its own.
  if (event.action == Action::kAccept) {
    record.listener_socket_id = event.socket.socket_id;
  } else {
    record.socket_id = event.socket.socket_id;
    record.cookie = event.socket.cookie;
  }
  record.linux_errno = event.action == Action::kRaw ? EPERM : EACCES;
  const bool local =
      event.action == Action::kBind || event.action == Action::kListen;
  record.local = local ? event.address : event.local;
  // A raw socket would be at all of them.
  if (!local && event.action != Action::kRaw) record.peer = event.address;
  record.SetDetail(event.rule);
  record.SetHost(event.host);
  return record;
}

}  // namespace

void PolicyEvents::OnPolicyEvent(const PolicyEvent& event) {
  EventJournal* const journal = journal_.load(std::memory_order_acquire);
  if (!event.denied || journal == nullptr) return;
  static LogLimit limit(kMostPerSecond);
  const auto suppressed = limit.Admit();
  if (!suppressed) return;
  EventRecord record = RecordOf(event);
  record.suppressed = static_cast<uint32_t>(
      std::min<uint64_t>(*suppressed, std::numeric_limits<uint32_t>::max()));
  journal->Append(record);
}

}  // namespace wspd
