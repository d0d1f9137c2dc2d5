#ifndef WSPD_DAEMON_ADMIN_EVENT_SOURCE_H_
#define WSPD_DAEMON_ADMIN_EVENT_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/types/optional.h"
#include "daemon/admin/event_filter.h"
#include "daemon/admin/rpc_table.h"
#include "daemon/journal/event_journal.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// The messages of one WatchEvents: what the journal has for its caller.
class EventSource : public RpcSource {
 public:
  // From the event of that number on, which is there already or the next one;
  // 0: from the next one. The journal has to outlive the source, which keeps
  // `counted`.
  EventSource(EventJournal* journal, EventFilter filter, uint64_t from_sequence,
              std::shared_ptr<void> counted = nullptr);

  absl::optional<std::string> Next() override;

 private:
  // Adds what there is to `response`, as far as it has room.
  void ReadInto(wsp::v1::WatchEventsResponse* response);

  EventJournal* const journal_;
  const EventFilter filter_;
  const std::shared_ptr<void> counted_;
  uint64_t sequence_;
  uint64_t lost_ = 0;
  // The first message says where the stream begins.
  bool begun_ = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_EVENT_SOURCE_H_
