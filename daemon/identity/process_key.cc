#include "daemon/identity/process_key.h"

#include "absl/strings/str_cat.h"

namespace wspd {

bool ProcessKey::NeedsToken(const PeerIdentity& peer) {
  return peer.pidfd_inode == 0 && peer.pid == 0;
}

ProcessKey ProcessKey::Of(const PeerIdentity& peer, absl::string_view token) {
  ProcessKey key;
  if (peer.pidfd_inode != 0) {
    key.kind_ = Kind::kPidfdInode;
    key.number_ = peer.pidfd_inode;
  } else if (peer.pid != 0) {
    key.kind_ = Kind::kPidAndStart;
    key.number_ = static_cast<uint64_t>(peer.pid);
    key.start_ = peer.start_time_ticks;
  } else {
    key.token_ = std::string(token);
  }
  return key;
}

std::string ProcessKey::ToString() const {
  switch (kind_) {
    case Kind::kPidfdInode:
      return absl::StrCat("pidfd:", number_);
    case Kind::kPidAndStart:
      return absl::StrCat("pid:", number_, "@", start_);
    case Kind::kToken:
      return "token";
  }
  return "";
}

}  // namespace wspd
