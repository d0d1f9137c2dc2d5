#ifndef WSPD_DAEMON_IDENTITY_PEER_IDENTITY_H_
#define WSPD_DAEMON_IDENTITY_PEER_IDENTITY_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "daemon/base/owned_fd.h"

namespace wspd {

// Tells files apart that exist at the same time.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;

  friend bool operator==(const FileId& a, const FileId& b) {
    return a.device == b.device && a.inode == b.inode;
  }
};

// What stat(2) says of a file, symbolic links followed; nothing, with errno
// set, if it can't.
absl::optional<FileId> ReadFileId(const std::string& path);

// Who is at the other end of a Unix connection, as the kernel says it: the
// process that called connect(2), whoever holds the descriptor now.
struct PeerIdentity {
  // In the daemon's pid namespace; 0 if the process can't be seen from there.
  pid_t pid = 0;
  // Effective ids at connect(2).
  uid_t uid = 0;
  gid_t gid = 0;
  // Clock ticks after boot, field 22 of /proc/PID/stat; 0 with pid 0.
  uint64_t start_time_ticks = 0;
  // Unique per process until reboot; 0 before kernel 6.9 or without a pidfd.
  uint64_t pidfd_inode = 0;
  // Path in the unified hierarchy; empty if not readable.
  std::string cgroup;
  // Empty if not readable, never guessed.
  std::string executable;
  // At most kMaxCommandLineBytes of it; empty if not readable.
  std::vector<std::string> command_line;
  // Supplementary groups at connect(2); none if not readable.
  absl::optional<std::vector<gid_t>> groups;
  // The program and the user namespace that it is in; none if not readable,
  // which of a process that may do more than the daemon they aren't.
  absl::optional<FileId> executable_file;
  absl::optional<FileId> user_namespace;
  // Whether it has CAP_NET_BIND_SERVICE in the daemon's user namespace, of
  // others than root as an ambient capability; none if not readable.
  absl::optional<bool> binds_low_ports;
};

inline constexpr size_t kMaxCommandLineBytes = 4096;

struct Peer {
  PeerIdentity identity;
  // Readable (POLLIN) when the process has ended, also while a child of it
  // still holds the connection. Not valid if pid is 0 on a kernel before 6.5.
  OwnedFd pidfd;
  // Of a peer from elsewhere, who has no identity of the kernel's: what its
  // certificate, which was verified, calls it.
  std::vector<std::string> certificate_names;
};

enum class PidfdMethod {
  // SO_PEERPIDFD, and kPidfdOpen where the kernel (before 6.5) lacks it.
  kBest,
  // As kernels before 6.5 have to: pidfd_open(2), verified against reuse of the
  // pid, and no pidfd inode.
  kPidfdOpen,
};

// Reads the peer of a connected Unix stream socket. Never blocks.
//
// NOT_FOUND: the process has ended already, or its pid has been given to
// another one. Other errors are the kernel's.
absl::StatusOr<Peer> ReadPeer(int connection_fd, PidfdMethod method);

// The start time of a process that exists, field 22 of /proc/PID/stat.
absl::StatusOr<uint64_t> ReadStartTime(pid_t pid);

// Whether the process behind `pidfd` has ended.
bool HasEnded(int pidfd);

}  // namespace wspd

#endif  // WSPD_DAEMON_IDENTITY_PEER_IDENTITY_H_
