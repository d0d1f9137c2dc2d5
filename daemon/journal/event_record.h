#ifndef WSPD_DAEMON_JOURNAL_EVENT_RECORD_H_
#define WSPD_DAEMON_JOURNAL_EVENT_RECORD_H_

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "daemon/socket/net_address.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// What happened, in plain bytes: writing it down allocates nothing. The fields
// are those of wsp.v1.JournalEvent, which says which kinds have which.
struct EventRecord {
  wsp::v1::JournalEvent::Kind kind = wsp::v1::JournalEvent::KIND_UNSPECIFIED;
  wsp::v1::Plane plane = wsp::v1::PLANE_UNSPECIFIED;
  int64_t at_ns = 0;
  uint64_t client_id = 0;
  uint64_t socket_id = 0;
  pid_t pid = 0;
  uid_t uid = 0;
  int protocol = 0;
  int linux_errno = 0;
  NetAddress local;
  NetAddress peer;

  // What doesn't fit is left out.
  void SetDetail(absl::string_view text) {
    detail_size_ =
        static_cast<uint8_t>(std::min(text.size(), sizeof(detail_bytes_)));
    memcpy(detail_bytes_, text.data(), detail_size_);
  }
  absl::string_view detail() const { return {detail_bytes_, detail_size_}; }

 private:
  uint8_t detail_size_ = 0;
  char detail_bytes_[63] = {};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_JOURNAL_EVENT_RECORD_H_
