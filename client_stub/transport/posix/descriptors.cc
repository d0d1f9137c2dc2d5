#include "client_stub/transport/posix/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace wsp {
namespace {

// Beyond this the kernel would have to grow the process's table for us alone.
constexpr rlim_t kHighestUseful = 4096;

struct Entry {
  std::atomic<int> taken{0};  // 0: free, else the descriptor's number plus 1
  std::atomic<uint64_t> inode{0};
};

// Fixed and lock-free: a forked child reads it whatever its parent's other
// threads were doing. One that finds it full is left open in children.
constexpr int kEntries = 1024;
Entry g_entries[kEntries];

uint64_t InodeOf(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

int LowestHighNumber() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 3;
  return static_cast<int>(std::min(limit.rlim_cur, kHighestUseful) / 4 * 3);
}

void WriteDown(int fd) {
  for (Entry& entry : g_entries) {
    int free = 0;
    if (!entry.taken.compare_exchange_strong(free, fd + 1)) continue;
    entry.inode.store(InodeOf(fd));
    return;
  }
}

void StrikeOut(int fd) {
  for (Entry& entry : g_entries) {
    if (entry.taken.load(std::memory_order_relaxed) != fd + 1) continue;
    entry.inode.store(0);
    entry.taken.store(0);
    return;
  }
}

}  // namespace

int AdoptDescriptor(int fd) {
  if (fd < 0) return -1;
  const int high = fcntl(fd, F_DUPFD_CLOEXEC, LowestHighNumber());
  if (high >= 0) {
    close(fd);
    fd = high;
  }
  WriteDown(fd);
  return fd;
}

void NoteDescriptor(int fd) {
  StrikeOut(fd);
  WriteDown(fd);
}

void CloseDescriptor(int fd) {
  if (fd < 0) return;
  StrikeOut(fd);
  close(fd);
}

void CloseInheritedDescriptors() {
  for (Entry& entry : g_entries) {
    const int fd = entry.taken.load() - 1;
    const uint64_t inode = entry.inode.load();
    if (fd >= 0 && inode != 0 && InodeOf(fd) == inode) close(fd);
    entry.inode.store(0);
    entry.taken.store(0);
  }
}

}  // namespace wsp
