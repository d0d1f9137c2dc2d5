#ifndef WSPD_DAEMON_ADMIN_EVENT_SOURCE_H_
#define WSPD_DAEMON_ADMIN_EVENT_SOURCE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/types/optional.h"
#include "daemon/admin/rpc_table.h"
#include "daemon/journal/event_journal.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// The messages of one WatchEvents: what the journal has for its caller.
class EventSource : public RpcSource {
 public:
  // Of what `request` asks for only that of `uid`, if there is one. The journal
  // has to outlive the source; the request is valid.
  EventSource(EventJournal* journal, wsp::v1::WatchEventsRequest request,
              absl::optional<uid_t> uid);

  absl::optional<std::string> Next() override;

 private:
  bool IsWanted(const EventRecord& record) const;
  // Adds what there is to `response`, as far as it has room.
  void ReadInto(wsp::v1::WatchEventsResponse* response);

  EventJournal* const journal_;
  const wsp::v1::WatchEventsRequest request_;
  const absl::optional<uid_t> uid_;
  uint64_t sequence_;
  uint64_t lost_ = 0;
  // The first message says where the stream begins.
  bool begun_ = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_EVENT_SOURCE_H_
