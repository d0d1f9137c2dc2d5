#include "daemon/admin/event_filter.h"

#include <utility>

#include "daemon/admin/is_wanted.h"
#include "daemon/winsock/address_codec.h"

namespace wspd {
namespace {

using ::wsp::v1::JournalEvent;

wsp::v1::SocketAddress Encode(const NetAddress& address) {
  wsp::v1::SocketAddress encoded;
  if (!address.empty()) EncodeAddress(address, &encoded);
  return encoded;
}

}  // namespace

absl::StatusOr<EventFilter> EventFilter::Parse(
    const wsp::v1::WatchEventsRequest& request, absl::optional<uid_t> uid) {
  auto addresses = AddressFilter::Parse(request);
  if (!addresses.ok()) return addresses.status();
  EventFilter filter;
  filter.request_ = request;
  filter.uid_ = uid;
  filter.addresses_ = *std::move(addresses);
  filter.of_sockets_ = !request.planes().empty() || request.socket_id() != 0 ||
                       request.cookie() != 0 || !filter.addresses_.passes_all();
  return filter;
}

bool EventFilter::Matches(const EventRecord& record) const {
  return (!uid_ || record.uid == *uid_) &&
         (!request_.has_uid() || record.uid == request_.uid()) &&
         (request_.pid() == 0 || record.pid == request_.pid()) &&
         (request_.client_id() == 0 ||
          record.client_id == request_.client_id()) &&
         IsWanted(request_.kinds(), record.kind) &&
         (!of_sockets_ || MatchesSocket(record));
}

bool EventFilter::MatchesSocket(const EventRecord& record) const {
  // Refused lookups are no socket's.
  const bool of_socket = record.kind >= JournalEvent::KIND_SOCKET_OPENED &&
                         record.action != wsp::v1::POLICY_ACTION_RESOLVE;
  if (!request_.planes().empty() &&
      (!of_socket || !IsWanted(request_.planes(), record.plane))) {
    return false;
  }
  if (request_.socket_id() != 0 && record.socket_id != request_.socket_id() &&
      record.listener_socket_id != request_.socket_id()) {
    return false;
  }
  if (request_.cookie() != 0 && record.cookie != request_.cookie()) {
    return false;
  }
  return addresses_.passes_all() ||
         addresses_.Matches(Encode(record.local), Encode(record.peer));
}

}  // namespace wspd
