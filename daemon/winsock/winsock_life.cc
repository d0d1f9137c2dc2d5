// WinsockSocket: what is written down of it for operators
// (proto/wsp/v1/admin.proto, JournalEvent).
//
// With the lock held, so that events come in the order of what they tell of:
// writing one down waits for nobody.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "daemon/winsock/winsock_socket.h"

namespace wspd {

using ::wsp::v1::JournalEvent;

namespace {

// Clients that share a socket and are told of each event: a client that shares
// one with itself a thousand times is to drive nobody's events out.
constexpr size_t kMostTold = 16;

}  // namespace

EventRecord WinsockSocket::RecordLocked(JournalEvent::Kind kind,
                                        const Lingerer::Owner& holder) const {
  EventRecord record;
  record.kind = kind;
  record.client_id = holder.client_id;
  record.socket_id = holder.socket_id;
  record.pid = holder.pid;
  record.uid = holder.uid;
  record.plane = plane();
  record.cookie = lent_cookie();
  record.protocol = protocol();
  record.local = local_;
  record.peer = peer_;
  return record;
}

void WinsockSocket::NoteOpened(const SocketDescriptor& from,
                               uint64_t listener_id) {
  if (environment_->events == nullptr) return;
  const Lingerer::Owner owner = from.owner();
  absl::MutexLock lock(&mu_);
  if (from.closed()) return;
  holders_.push_back({&from, owner});
  EventRecord record =
      RecordLocked(listener_id != 0 ? JournalEvent::KIND_SOCKET_ACCEPTED
                                    : JournalEvent::KIND_SOCKET_OPENED,
                   owner);
  record.listener_socket_id = listener_id;
  environment_->events->Append(record);
}

void WinsockSocket::NoteLocked(JournalEvent::Kind kind, int error,
                               absl::string_view detail,
                               uint64_t listener_id) const {
  const size_t told = std::min(holders_.size(), kMostTold);
  for (size_t i = 0; i < told; ++i) {
    EventRecord record = RecordLocked(kind, holders_[i].owner);
    record.repeated = i > 0;
    record.linux_errno = error;
    record.listener_socket_id = listener_id;
    record.SetDetail(detail);
    environment_->events->Append(record);
  }
}

void WinsockSocket::NoteClosed(const SocketDescriptor* from) {
  absl::MutexLock lock(&mu_);
  const auto found = std::find_if(
      holders_.begin(), holders_.end(),
      [from](const Holder& holder) { return holder.descriptor == from; });
  if (found == holders_.end()) return;
  environment_->events->Append(
      RecordLocked(JournalEvent::KIND_SOCKET_CLOSED, found->owner));
  holders_.erase(found);
}

}  // namespace wspd
