#include "daemon/policy/policy_events.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
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
  record.linux_errno = event.error;
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

PolicyEvents::Told& PolicyEvents::ToldLocked(uid_t uid, int64_t second) {
  if (users_.size() >= kMostUsers && !users_.contains(uid)) {
    // Of whom there is nothing to tell; if that is of nobody, of whom there was
    // nothing this second, and else all.
    for (const bool also_suppressed : {false, true}) {
      for (auto it = users_.begin(); it != users_.end();) {
        const bool idle = it->second.second != second &&
                          (also_suppressed || it->second.suppressed == 0);
        const auto here = it++;
        if (idle) users_.erase(here);
      }
      if (users_.size() < kMostUsers) break;
    }
    if (users_.size() >= kMostUsers) users_.clear();
  }
  Told& told = users_[uid];
  for (Told* const one : {&told, &all_}) {
    if (one->second == second) continue;
    one->second = second;
    one->in_second = 0;
  }
  return told;
}

absl::optional<uint64_t> PolicyEvents::Admit(uid_t uid) {
  const int64_t second = absl::ToUnixSeconds(absl::Now());
  absl::MutexLock lock(&mu_);
  Told& told = ToldLocked(uid, second);
  if (told.in_second >= kMostPerSecond ||
      all_.in_second >= kMostOfAllPerSecond) {
    ++told.suppressed;
    return {};
  }
  ++told.in_second;
  ++all_.in_second;
  return std::exchange(told.suppressed, 0);
}

void PolicyEvents::OnPolicyEvent(const PolicyEvent& event) {
  EventJournal* const journal = journal_.load(std::memory_order_acquire);
  if (!event.denied || journal == nullptr) return;
  const absl::optional<uint64_t> suppressed = Admit(event.uid);
  if (!suppressed) return;
  EventRecord record = RecordOf(event);
  record.suppressed = static_cast<uint32_t>(
      std::min<uint64_t>(*suppressed, std::numeric_limits<uint32_t>::max()));
  journal->Append(record);
}

}  // namespace wspd
