#include "daemon/admin/event_source.h"

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
  event->set_cookie(record.cookie);
  event->set_listener_socket_id(record.listener_socket_id);
  event->set_plane(record.plane);
  event->set_protocol(record.protocol);
  event->set_linux_errno(record.linux_errno);
  event->set_suppressed(record.suppressed);
  event->set_action(record.action);
  event->set_host(ToValidUtf8(std::string(record.host())));
  event->set_detail(ToValidUtf8(std::string(record.detail())));
  if (!record.local.empty()) {
    EncodeAddress(record.local, event->mutable_local());
  }
  if (!record.peer.empty()) EncodeAddress(record.peer, event->mutable_peer());
}

}  // namespace

EventSource::EventSource(EventJournal* journal, EventFilter filter,
                         uint64_t from_sequence, std::shared_ptr<void> counted)
    : journal_(journal),
      filter_(std::move(filter)),
      counted_(std::move(counted)),
      sequence_(from_sequence != 0 ? from_sequence : journal->next()) {}

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
    if (filter_.Matches(record)) {
      Fill(record, sequence_ - 1, response->add_events());
    }
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
