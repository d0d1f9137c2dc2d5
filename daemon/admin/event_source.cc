#include "daemon/admin/event_source.h"

#include <algorithm>
#include <utility>

#include "daemon/base/utf8.h"
#include "daemon/winsock/address_codec.h"

namespace wspd {
namespace {

// Of a message: what a reader is behind goes in few of them.
constexpr int kMostEvents = 128;

void Fill(const EventRecord& record, uint64_t sequence,
          wsp::v1::JournalEvent* event) {
  event->set_sequence(sequence);
  event->set_kind(record.kind);
  event->set_at_ns(record.at_ns);
  event->set_client_id(record.client_id);
  event->set_pid(record.pid);
  event->set_uid(record.uid);
  event->set_socket_id(record.socket_id);
  event->set_plane(record.plane);
  event->set_protocol(record.protocol);
  event->set_linux_errno(record.linux_errno);
  event->set_detail(ToValidUtf8(std::string(record.detail())));
  if (!record.local.empty()) {
    EncodeAddress(record.local, event->mutable_local());
  }
  if (!record.peer.empty()) EncodeAddress(record.peer, event->mutable_peer());
}

}  // namespace

EventSource::EventSource(EventJournal* journal,
                         wsp::v1::WatchEventsRequest request,
                         absl::optional<uid_t> uid)
    : journal_(journal),
      request_(std::move(request)),
      uid_(uid),
      sequence_(request_.from_sequence() != 0 ? request_.from_sequence()
                                              : journal->next()) {}

bool EventSource::IsWanted(const EventRecord& record) const {
  const auto& kinds = request_.kinds();
  return (!uid_ || record.uid == *uid_) &&
         (!request_.has_uid() || record.uid == request_.uid()) &&
         (request_.pid() == 0 || record.pid == request_.pid()) &&
         (request_.client_id() == 0 ||
          record.client_id == request_.client_id()) &&
         (kinds.empty() ||
          std::find(kinds.begin(), kinds.end(), record.kind) != kinds.end());
}

void EventSource::ReadInto(wsp::v1::WatchEventsResponse* response) {
  EventRecord record;
  while (response->events_size() < kMostEvents) {
    const uint64_t lost = lost_;
    const uint64_t sequence = sequence_;
    if (!journal_->Read(&sequence_, &record, &lost_)) return;
    if (lost_ != lost && response->events_size() > 0) {
      // The gap goes before the event, in a message of its own.
      lost_ = lost;
      sequence_ = sequence;
      return;
    }
    if (IsWanted(record)) Fill(record, sequence_ - 1, response->add_events());
  }
}

absl::optional<std::string> EventSource::Next() {
  wsp::v1::WatchEventsResponse response;
  ReadInto(&response);
  if (response.events_size() == 0) {
    journal_->WakeOnce();
    ReadInto(&response);
  }
  if (response.events_size() == 0 && lost_ == 0 && begun_) return {};
  begun_ = true;
  response.set_lost(std::exchange(lost_, 0));
  response.set_next_sequence(sequence_);
  return response.SerializeAsString();
}

}  // namespace wspd
