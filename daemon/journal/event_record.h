#ifndef WSPD_DAEMON_JOURNAL_EVENT_RECORD_H_
#define WSPD_DAEMON_JOURNAL_EVENT_RECORD_H_

#include <errno.h>
#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "daemon/socket/net_address.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Why a connection was reset, as a KIND_SOCKET_RESET's detail.
inline constexpr absl::string_view kByPeer = "by the peer";
inline constexpr absl::string_view kByAdministrator = "by an administrator";
inline constexpr absl::string_view kByClient = "by its client";
inline constexpr absl::string_view kAtClientsEnd = "its client has ended";
inline constexpr absl::string_view kTimeOver = "its time to send was over";

// Of a connection that the kernel says is lost, with errno: what that doesn't
// say by itself.
inline absl::string_view ReasonOfLoss(int error) {
  return error == ECONNRESET || error == EPIPE ? kByPeer : "";
}

// What happened, in plain bytes: writing it down allocates nothing. The fields
// are those of wsp.v1.JournalEvent, which says which kinds have which.
struct EventRecord {
  wsp::v1::JournalEvent::Kind kind = wsp::v1::JournalEvent::KIND_UNSPECIFIED;
  wsp::v1::Plane plane = wsp::v1::PLANE_UNSPECIFIED;
  int64_t at_ns = 0;
  uint64_t client_id = 0;
  uint64_t socket_id = 0;
  uint64_t cookie = 0;
  uint64_t listener_socket_id = 0;
  // Of KIND_SOCKET_REFUSED.
  wsp::v1::PolicyAction action = wsp::v1::POLICY_ACTION_UNSPECIFIED;
  pid_t pid = 0;
  uid_t uid = 0;
  int protocol = 0;
  int linux_errno = 0;
  // Those of the kind that weren't written down before it.
  uint32_t suppressed = 0;
  // The same as the event before, for another client that shares the socket.
  bool repeated = false;
  NetAddress local;
  NetAddress peer;

  // What doesn't fit is left out.
  void SetDetail(absl::string_view text) { detail_.Set(text); }
  absl::string_view detail() const { return detail_.text(); }
  void SetHost(absl::string_view name) { host_.Set(name); }
  absl::string_view host() const { return host_.text(); }

 private:
  class ShortText {
   public:
    void Set(absl::string_view text) {
      size_ = static_cast<uint8_t>(std::min(text.size(), sizeof(bytes_)));
      // Of no text there may be no address either.
      if (size_ > 0) memcpy(bytes_, text.data(), size_);
    }
    absl::string_view text() const { return {bytes_, size_}; }

   private:
    uint8_t size_ = 0;
    char bytes_[63] = {};
  };

  ShortText detail_;
  ShortText host_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_JOURNAL_EVENT_RECORD_H_
