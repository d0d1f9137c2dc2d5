#ifndef WSPD_DAEMON_IDENTITY_PROCESS_KEY_H_
#define WSPD_DAEMON_IDENTITY_PROCESS_KEY_H_

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/string_view.h"
#include "daemon/identity/peer_identity.h"

namespace wspd {

// Tells processes apart for as long as the daemon runs; never the bare pid,
// which is given out again. A value: copyable, comparable, hashable.
class ProcessKey {
 public:
  // The best key that the kernel gives: the pidfd's inode, else pid and start
  // time, else `token`.
  //
  // `token` is the caller's: 16 random bytes that it gave to this process only.
  // It counts only for a peer without any other key (NeedsToken).
  static ProcessKey Of(const PeerIdentity& peer, absl::string_view token);

  // Whether nothing but a token identifies `peer`: pid 0, before kernel 6.9.
  static bool NeedsToken(const PeerIdentity& peer);

  // For the log: "pidfd:123", "pid:42@99" or "token"; never the token itself.
  std::string ToString() const;

  friend bool operator==(const ProcessKey& a, const ProcessKey& b) {
    return a.Tie() == b.Tie();
  }
  friend bool operator!=(const ProcessKey& a, const ProcessKey& b) {
    return !(a == b);
  }
  friend bool operator<(const ProcessKey& a, const ProcessKey& b) {
    return a.Tie() < b.Tie();
  }
  template <typename H>
  friend H AbslHashValue(H state, const ProcessKey& key) {
    return H::combine(std::move(state), key.kind_, key.number_, key.start_,
                      key.token_);
  }

 private:
  enum class Kind { kPidfdInode, kPidAndStart, kToken };

  std::tuple<Kind, uint64_t, uint64_t, const std::string&> Tie() const {
    return {kind_, number_, start_, token_};
  }

  Kind kind_ = Kind::kToken;
  uint64_t number_ = 0;
  uint64_t start_ = 0;
  std::string token_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_IDENTITY_PROCESS_KEY_H_
