#ifndef WSPD_DAEMON_ADMIN_EVENT_FILTER_H_
#define WSPD_DAEMON_ADMIN_EVENT_FILTER_H_

#include <sys/types.h>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "daemon/admin/address_filter.h"
#include "daemon/journal/event_record.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Which events a WatchEventsRequest asks for. Not to be changed, so that any
// thread may use it.
class EventFilter {
 public:
  // Only those of `uid`, if there is one. INVALID_ARGUMENT says what field of
  // the request is wrong, and what would be right.
  static absl::StatusOr<EventFilter> Parse(
      const wsp::v1::WatchEventsRequest& request, absl::optional<uid_t> uid);

  bool Matches(const EventRecord& record) const;

 private:
  // What is said of sockets.
  bool MatchesSocket(const EventRecord& record) const;

  wsp::v1::WatchEventsRequest request_;
  absl::optional<uid_t> uid_;
  AddressFilter addresses_;
  // Whether it is about sockets only.
  bool of_sockets_ = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_EVENT_FILTER_H_
