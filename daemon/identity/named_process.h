#ifndef WSPD_DAEMON_IDENTITY_NAMED_PROCESS_H_
#define WSPD_DAEMON_IDENTITY_NAMED_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "absl/types/optional.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/identity/process_key.h"

namespace wspd {

// A process that another one has named by its pid, and that may not have
// attached yet. It is the process that had the pid then: never another one that
// is given the number later. A value.
//
// Reads /proc, and blocks as little as that does; no lock should be held.
class NamedProcess {
 public:
  NamedProcess() = default;

  // The process that `namer` sees as `pid`, in its own pid namespace. Returns
  // errno: ESRCH if there is none, or if the namer is in a namespace that can't
  // be seen from here; EPERM if it is another user's, or if the namer's
  // namespace is another one than ours and may not be looked into.
  //
  // Of a namespace other than ours it is only found out by Is() whether the
  // process exists, and whose it is.
  static int Find(const PeerIdentity& namer, pid_t pid, NamedProcess* process);

  // An attached process.
  static NamedProcess Attached(const ProcessKey& key);

  // Whether it is `peer`, whose key is `key`.
  bool Is(const PeerIdentity& peer, const ProcessKey& key) const;

 private:
  // A pid namespace below ours.
  struct Namespace {
    dev_t device;
    ino_t inode;
    // How many namespaces there are above it, from ours on.
    size_t depth;
  };

  bool IsInNamespace(const PeerIdentity& peer) const;

  absl::optional<ProcessKey> key_;
  pid_t pid_ = 0;
  // Clock ticks after boot: when it started, or, if it was named in another
  // namespace, when that was.
  uint64_t ticks_ = 0;
  absl::optional<Namespace> space_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_IDENTITY_NAMED_PROCESS_H_
