// Attachment: WSPSelect, and notices of network events.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/session/attachment.h"
#include "daemon/session/limits.h"
#include "daemon/wire/wire_writer.h"
#include "proto/wire_fields.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

std::string EncodeNotice(uint64_t socket_id, const NetworkNotice& notice) {
  using Field = wire::NetworkEvent;
  std::string message;
  WireWriter writer(&message);
  writer.Fixed64(Field::kSocketId, socket_id);
  writer.Varint(Field::kRegistration, notice.registration);
  writer.Varint(Field::kNetworkEvents, notice.network_events);
  if (notice.wsa_error != 0) {
    writer.Varint(Field::kWsaError, notice.wsa_error);
  }
  writer.Varint(Field::kCount, notice.count);
  size_t errors = notice.errors.size();
  while (errors > 0 && notice.errors[errors - 1] == 0) --errors;
  if (errors > 0) {
    std::string packed;
    WireWriter packed_writer(&packed);
    for (size_t bit = 0; bit < errors; ++bit) {
      packed_writer.RawVarint(notice.errors[bit]);
    }
    writer.Bytes(Field::kErrors, packed);
  }
  if (notice.enumerated_count != 0) {
    writer.Varint(Field::kEnumeratedCount, notice.enumerated_count);
  }
  std::string event;
  WireWriter(&event).Bytes(wire::Event::kNetworkEvent, message);
  return event;
}

}  // namespace

void Attachment::Select(const Call& call) {
  selects_.Start(
      call, shared_from_this(),
      [this](const std::vector<uint64_t>& ids) {
        std::vector<std::shared_ptr<SocketDescriptor>> found;
        found.reserve(ids.size());
        absl::MutexLock lock(&mu_);
        for (const uint64_t id : ids) {
          auto entry = sockets_.find(id);
          found.push_back(entry == sockets_.end() ? nullptr
                                                  : entry->second.descriptor);
        }
        return found;
      },
      environment_->NextLoop());
  // A final cleanup may have dropped the call and what was pending then.
  if (!IsPending(call.call_id)) selects_.Cancel(call.call_id);
}

void Attachment::QueueNetworkEvents(uint64_t socket_id) {
  {
    absl::MutexLock lock(&mu_);
    auto found = sockets_.find(socket_id);
    if (found == sockets_.end() || found->second.has_notices) return;
    found->second.has_notices = true;
    if (IsUnknownLocked(*found->second.descriptor)) {
      held_notices_.push_back(socket_id);
      return;
    }
    notice_queue_.push_back(socket_id);
  }
  WriteNext();
}

bool Attachment::IsUnknownLocked(const SocketDescriptor& descriptor) const {
  if (descriptor.made_by() == 0) return false;
  auto made_by = calls_.find(descriptor.made_by());
  return made_by != calls_.end() && made_by->second->sequence == 0;
}

void Attachment::AppendNoticesLocked(OutgoingFrame* frame) {
  // As for results: a frame has room for thousands.
  constexpr size_t kHeadBytes = kFrameBytes / 4;
  std::string& head = frame->parts.back().head;
  std::vector<NetworkNotice> notices;
  while (!notice_queue_.empty() && head.size() < kHeadBytes) {
    const uint64_t socket_id = notice_queue_.front();
    notice_queue_.pop_front();
    auto found = sockets_.find(socket_id);
    if (found == sockets_.end()) continue;
    if (IsUnknownLocked(*found->second.descriptor)) {
      held_notices_.push_back(socket_id);
      continue;
    }
    found->second.has_notices = false;
    notices.clear();
    found->second.descriptor->TakeNotices(&notices);
    for (const NetworkNotice& notice : notices) {
      WireWriter(&head).Bytes(wire::ServerFrame::kEvents,
                              EncodeNotice(socket_id, notice));
    }
  }
}

void Attachment::RepeatNoticesLocked() {
  ForgetNoticesLocked();
  for (auto& [id, entry] : sockets_) {
    entry.has_notices = entry.descriptor->RepeatNotices();
    if (entry.has_notices) notice_queue_.push_back(id);
  }
}

void Attachment::ForgetNoticesLocked() {
  notice_queue_.clear();
  held_notices_.clear();
}

}  // namespace wspd
