#include "daemon/identity/named_process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "daemon/base/owned_fd.h"
#include "daemon/identity/proc_file.h"

namespace wspd {
namespace {

// What a process is known as, from our pid namespace down to its own. Empty if
// it can't be read.
std::vector<pid_t> PidsOf(pid_t pid) {
  std::vector<pid_t> pids;
  const auto status = ReadProcFile(ProcPath(pid, "status"), kMaxProcFileBytes);
  if (!status) return pids;
  for (absl::string_view word :
       absl::StrSplit(StatusLine(*status, "NSpid:"), '\t', absl::SkipEmpty())) {
    pid_t one;
    if (absl::SimpleAtoi(word, &one)) pids.push_back(one);
  }
  return pids;
}

// The effective uid; false if it can't be read.
bool ReadUid(pid_t pid, uid_t* uid) {
  const auto status = ReadProcFile(ProcPath(pid, "status"), kMaxProcFileBytes);
  if (!status) return false;
  // Real, effective, saved, of the file system.
  const std::vector<absl::string_view> uids =
      absl::StrSplit(StatusLine(*status, "Uid:"), '\t', absl::SkipEmpty());
  return uids.size() > 1 && absl::SimpleAtoi(uids[1], uid);
}

OwnedFd OpenPidNamespace(pid_t pid) {
  return OwnedFd(open(ProcPath(pid, "ns/pid").c_str(), O_RDONLY | O_CLOEXEC));
}

// As /proc counts them, which starts no process later than now.
uint64_t TicksNow() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  const auto ticks = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  return static_cast<uint64_t>(now.tv_sec) * ticks +
         static_cast<uint64_t>(now.tv_nsec) * ticks / 1000000000;
}

}  // namespace

NamedProcess NamedProcess::Attached(const ProcessKey& key) {
  NamedProcess process;
  process.key_ = key;
  return process;
}

int NamedProcess::Find(const PeerIdentity& namer, pid_t pid,
                       NamedProcess* process) {
  if (namer.pid <= 0 || pid <= 0) return ESRCH;
  *process = NamedProcess();
  process->pid_ = pid;
  const std::vector<pid_t> namer_pids = PidsOf(namer.pid);
  if (namer_pids.empty()) return ESRCH;
  if (namer_pids.size() > 1) {
    // A namer that ended would leave its pid to somebody in another one.
    const OwnedFd space = OpenPidNamespace(namer.pid);
    const auto start = ReadStartTime(namer.pid);
    struct stat status;
    if (!space.valid() || fstat(space.get(), &status) != 0) return EPERM;
    if (!start.ok() || *start != namer.start_time_ticks) return ESRCH;
    process->space_ =
        Namespace{status.st_dev, status.st_ino, namer_pids.size() - 1};
    process->ticks_ = TicksNow();
    return 0;
  }
  const auto start = ReadStartTime(pid);
  if (!start.ok()) return ESRCH;
  process->ticks_ = *start;
  uid_t uid;
  return ReadUid(pid, &uid) && uid == namer.uid ? 0 : EPERM;
}

bool NamedProcess::Is(const PeerIdentity& peer, const ProcessKey& key) const {
  if (key_.has_value()) return *key_ == key;
  if (peer.pid <= 0) return false;
  if (space_.has_value()) return IsInNamespace(peer);
  return peer.pid == pid_ && peer.start_time_ticks == ticks_;
}

bool NamedProcess::IsInNamespace(const PeerIdentity& peer) const {
  // Whoever started later may have been given the pid anew.
  if (peer.start_time_ticks > ticks_) return false;
  const std::vector<pid_t> pids = PidsOf(peer.pid);
  if (pids.size() <= space_->depth || pids[space_->depth] != pid_) return false;
  OwnedFd space = OpenPidNamespace(peer.pid);
  for (size_t depth = pids.size() - 1; depth > space_->depth; --depth) {
    if (!space.valid()) return false;
    space.Reset(ioctl(space.get(), NS_GET_PARENT));
  }
  struct stat status;
  if (!space.valid() || fstat(space.get(), &status) != 0 ||
      status.st_dev != space_->device || status.st_ino != space_->inode) {
    return false;
  }
  // All that was the right process's, if it is still there.
  const auto start = ReadStartTime(peer.pid);
  return start.ok() && *start == peer.start_time_ticks;
}

}  // namespace wspd
