#include "daemon/identity/peer_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "daemon/identity/proc_file.h"

namespace wspd {
namespace {

// Newer than Debian 12's headers.
constexpr int kSoPeerPidfd = 77;
constexpr decltype(statfs::f_type) kPidfsMagic = 0x50494446;

constexpr int kSoPeerGroups = 59;

constexpr int kExecRetries = 3;
constexpr size_t kUsualGroups = 32;

absl::Status EndedError(pid_t pid) {
  return absl::NotFoundError(
      absl::StrCat("the connecting process ", pid, " has ended"));
}

// The pid that a pidfd stands for, in our namespace: 0 outside of it, -1 when
// the process has ended.
absl::StatusOr<pid_t> PidOf(int pidfd) {
  const auto info = ReadProcFile(absl::StrCat("/proc/self/fdinfo/", pidfd),
                                 kMaxProcFileBytes);
  if (!info) return absl::ErrnoToStatus(errno, "read(/proc/self/fdinfo)");
  for (absl::string_view line : absl::StrSplit(*info, '\n')) {
    pid_t pid;
    if (absl::ConsumePrefix(&line, "Pid:") && absl::SimpleAtoi(line, &pid)) {
      return pid;
    }
  }
  return absl::InternalError("no Pid: in /proc/self/fdinfo of a pidfd");
}

// Unique only on the pidfs of kernel 6.9; before it, all pidfds share one
// inode.
uint64_t InodeOf(int pidfd) {
  struct statfs filesystem;
  struct stat status;
  if (fstatfs(pidfd, &filesystem) != 0 || filesystem.f_type != kPidfsMagic ||
      fstat(pidfd, &status) != 0) {
    return 0;
  }
  return status.st_ino;
}

// Whether one of the process's user ids is `uid`; true if it can't be read.
bool MayHaveUid(pid_t pid, uid_t uid) {
  const auto status = ReadProcFile(ProcPath(pid, "status"), kMaxProcFileBytes);
  if (!status) return true;
  const absl::string_view uids = StatusLine(*status, "Uid:");
  if (uids.empty()) return true;
  for (absl::string_view word : absl::StrSplit(uids, '\t', absl::SkipEmpty())) {
    uid_t one;
    if (absl::SimpleAtoi(word, &one) && one == uid) return true;
  }
  return false;
}

// pidfd_open for a pid that SO_PEERCRED gave. Between connect(2) and now the
// process may have ended and its pid been given away: the start times before
// and after show that no exchange happened meanwhile, and the uid that an
// earlier one would not bring another user's process into play.
absl::StatusOr<OwnedFd> OpenVerifiedPidfd(const ucred& credentials) {
  const pid_t pid = credentials.pid;
  const auto start_before = ReadStartTime(pid);
  if (!start_before.ok()) return start_before.status();
  OwnedFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) {
    if (errno == ESRCH) return EndedError(pid);
    return absl::ErrnoToStatus(errno, "pidfd_open()");
  }
  const auto pid_now = PidOf(pidfd.get());
  if (!pid_now.ok()) return pid_now.status();
  const auto start_after = ReadStartTime(pid);
  if (*pid_now != pid || !start_after.ok() || *start_before != *start_after ||
      !MayHaveUid(pid, credentials.uid)) {
    return EndedError(pid);
  }
  return pidfd;
}

// Invalid where nothing can give one: pid 0 before kernel 6.5.
absl::StatusOr<OwnedFd> OpenPidfd(int connection_fd, const ucred& credentials,
                                  PidfdMethod method) {
  if (method == PidfdMethod::kBest) {
    int fd = -1;
    socklen_t size = sizeof(fd);
    if (getsockopt(connection_fd, SOL_SOCKET, kSoPeerPidfd, &fd, &size) == 0) {
      OwnedFd pidfd(fd);
      // The kernel makes it close-on-exec; this is not to depend on it.
      fcntl(pidfd.get(), F_SETFD, FD_CLOEXEC);
      return pidfd;
    }
    const int error = errno;
    // Kernels differ in how they name a peer that has been reaped.
    if (error == ESRCH || error == EINVAL || error == ENODATA) {
      return EndedError(credentials.pid);
    }
    if (error != ENOPROTOOPT) {
      return absl::ErrnoToStatus(error, "getsockopt(SO_PEERPIDFD)");
    }
  }
  if (credentials.pid == 0) return OwnedFd();
  return OpenVerifiedPidfd(credentials);
}

std::string ReadCgroup(pid_t pid) {
  const auto content = ReadProcFile(ProcPath(pid, "cgroup"), kMaxProcFileBytes);
  if (!content) return "";
  for (absl::string_view line : absl::StrSplit(*content, '\n')) {
    if (absl::ConsumePrefix(&line, "0::")) return std::string(line);
  }
  return "";
}

std::string ReadExecutable(pid_t pid) {
  char target[PATH_MAX];
  const ssize_t size =
      readlink(ProcPath(pid, "exe").c_str(), target, sizeof(target));
  return size <= 0 ? "" : std::string(target, size);
}

// Nothing if the kernel doesn't say.
absl::optional<std::vector<gid_t>> ReadGroups(int connection_fd) {
  std::vector<gid_t> groups(kUsualGroups);
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(connection_fd, SOL_SOCKET, kSoPeerGroups, groups.data(),
                   &size) == 0) {
      groups.resize(size / sizeof(gid_t));
      return groups;
    }
    // Says how many bytes there are.
    const size_t wanted = size / sizeof(gid_t);
    if (errno != ERANGE || wanted <= groups.size()) return absl::nullopt;
    groups.resize(wanted);
  }
}

std::vector<std::string> ReadCommandLine(pid_t pid) {
  const auto content =
      ReadProcFile(ProcPath(pid, "cmdline"), kMaxCommandLineBytes);
  if (!content || content->empty()) return {};
  return absl::StrSplit(absl::StripSuffix(*content, absl::string_view("\0", 1)),
                        '\0');
}

// Whether a process of a user namespace that isn't known is in the daemon's.
// /proc/PID/uid_map can be read of any process; only root makes another
// namespace with all the ids that this one has.
absl::optional<bool> HasOwnUserIds(pid_t pid) {
  const auto map = ReadProcFile(ProcPath(pid, "uid_map"), kMaxProcFileBytes);
  const auto own = ReadProcFile("/proc/self/uid_map", kMaxProcFileBytes);
  if (!map || !own) return absl::nullopt;
  return *map == *own;
}

// Whether a line of /proc/PID/status has the capability.
bool HasCapability(absl::string_view status, absl::string_view name,
                   int capability) {
  uint64_t capabilities;
  return absl::SimpleHexAtoi(StatusLine(status, name), &capabilities) &&
         (capabilities >> capability & 1) != 0;
}

// Whether all user ids in /proc/PID/status are `uid`.
bool HasOnlyUid(absl::string_view status, uid_t uid) {
  const absl::string_view uids = StatusLine(status, "Uid:");
  if (uids.empty()) return false;
  for (absl::string_view word : absl::StrSplit(uids, '\t', absl::SkipEmpty())) {
    uid_t one;
    if (!absl::SimpleAtoi(word, &one) || one != uid) return false;
  }
  return true;
}

// By `status`, which was read before the identity's user namespace: whoever
// makes a new one has all capabilities there, and doesn't come back.
absl::optional<bool> BindsLowPorts(const absl::optional<std::string>& status,
                                   const PeerIdentity& identity) {
  if (!status || StatusLine(*status, "CapEff:").empty()) return absl::nullopt;
  if (!HasCapability(*status, "CapEff:", CAP_NET_BIND_SERVICE)) return false;
  // Since it connected the process may have become a program that has more than
  // its user: one that is set-user-ID, or has capabilities of its file. These
  // clear the ambient set, by which services have theirs.
  if (identity.uid != 0 &&
      (!HasOnlyUid(*status, identity.uid) ||
       !HasCapability(*status, "CapAmb:", CAP_NET_BIND_SERVICE))) {
    return false;
  }
  if (!identity.user_namespace) return HasOwnUserIds(identity.pid);
  return identity.user_namespace == ReadFileId("/proc/self/ns/user");
}

// Everything that /proc says. It is the right process's if that is still alive
// afterwards, which the caller checks.
void ReadProc(PeerIdentity* identity) {
  const auto start_time = ReadStartTime(identity->pid);
  if (start_time.ok()) identity->start_time_ticks = *start_time;
  identity->cgroup = ReadCgroup(identity->pid);
  const auto status =
      ReadProcFile(ProcPath(identity->pid, "status"), kMaxProcFileBytes);
  identity->user_namespace = ReadFileId(ProcPath(identity->pid, "ns/user"));
  identity->binds_low_ports = BindsLowPorts(status, *identity);
  // All of one program, although an exec may come in between.
  for (int i = 0; i < kExecRetries; ++i) {
    identity->executable_file = ReadFileId(ProcPath(identity->pid, "exe"));
    identity->executable = ReadExecutable(identity->pid);
    identity->command_line = ReadCommandLine(identity->pid);
    if (ReadFileId(ProcPath(identity->pid, "exe")) ==
        identity->executable_file) {
      return;
    }
  }
}

}  // namespace

absl::optional<FileId> ReadFileId(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return absl::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

absl::StatusOr<uint64_t> ReadStartTime(pid_t pid) {
  const auto content = ReadProcFile(ProcPath(pid, "stat"), kMaxProcFileBytes);
  if (!content) {
    const int error = errno;
    if (error == ENOENT || error == ESRCH) return EndedError(pid);
    return absl::ErrnoToStatus(error, "read(/proc/PID/stat)");
  }
  // The second field, the name in parentheses, may contain anything.
  const size_t name_end = content->rfind(')');
  if (name_end != std::string::npos) {
    const std::vector<absl::string_view> fields =
        absl::StrSplit(absl::string_view(*content).substr(name_end + 1), ' ',
                       absl::SkipEmpty());
    // Field 3 comes first here.
    uint64_t ticks;
    if (fields.size() > 19 && absl::SimpleAtoi(fields[19], &ticks)) {
      return ticks;
    }
  }
  return absl::InternalError(absl::StrCat("can't parse /proc/", pid, "/stat"));
}

bool HasEnded(int pidfd) {
  pollfd entry = {pidfd, POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

absl::StatusOr<Peer> ReadPeer(int connection_fd, PidfdMethod method) {
  ucred credentials;
  socklen_t size = sizeof(credentials);
  if (getsockopt(connection_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) !=
      0) {
    return absl::ErrnoToStatus(errno, "getsockopt(SO_PEERCRED)");
  }
  auto pidfd = OpenPidfd(connection_fd, credentials, method);
  if (!pidfd.ok()) return pidfd.status();

  Peer peer;
  peer.pidfd = *std::move(pidfd);
  peer.identity.pid = credentials.pid;
  peer.identity.uid = credentials.uid;
  peer.identity.gid = credentials.gid;
  peer.identity.groups = ReadGroups(connection_fd);
  if (!peer.pidfd.valid()) return peer;
  // Kernels that lack SO_PEERPIDFD have no pidfs either.
  if (method == PidfdMethod::kBest) {
    peer.identity.pidfd_inode = InodeOf(peer.pidfd.get());
  }
  if (peer.identity.pid > 0) ReadProc(&peer.identity);
  if (HasEnded(peer.pidfd.get())) return EndedError(credentials.pid);
  return peer;
}

}  // namespace wspd
