#include "client_stub/preload/own_descriptors.h"

#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/means.h"

namespace wsp {
namespace {

// Beyond this the kernel would have to grow the process's table for us alone.
constexpr rlim_t kHighestUseful = 4096;
// Two connections for sockets, one for each thread that looks names up, a
// folder, and one more of each thread that goes there itself.
constexpr int kMost = 32;

OwnDescriptor g_descriptors[kMost];
// None is below: what most calls need to know.
std::atomic<unsigned> g_lowest{UINT_MAX};
std::atomic<pid_t> g_process{0};

int LowestHighNumber() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 3;
  return static_cast<int>(std::min(limit.rlim_cur, kHighestUseful) / 4 * 3);
}

void LowerBound(int fd) {
  const auto number = static_cast<unsigned>(fd);
  unsigned lowest = g_lowest.load();
  while (number < lowest && !g_lowest.compare_exchange_weak(lowest, number)) {
  }
}

}  // namespace

bool OwnDescriptor::IdentityOf(int fd, Identity* identity) {
  socklen_t size = sizeof identity->cookie;
  if (kernel::GetSocketOption(fd, SO_COOKIE, &identity->cookie, &size) == 0) {
    identity->kind = 0;
    return true;
  }
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  // No device number is that large.
  identity->kind = ~static_cast<uint64_t>(status.st_dev);
  identity->cookie = status.st_ino;
  return true;
}

bool OwnDescriptor::Is(int fd) const {
  // Rather believed than killed for the question.
  if (!May(Means::kAsk)) return true;
  Identity identity;
  return IdentityOf(fd, &identity) && identity.kind == kind_.load() &&
         identity.cookie == cookie_.load();
}

OwnDescriptor* OwnDescriptor::Adopt(int fd) {
  Identity identity;
  if (!IdentityOf(fd, &identity)) {
    kernel::Close(fd);
    return nullptr;
  }
  OwnDescriptor* descriptor = nullptr;
  for (OwnDescriptor& entry : g_descriptors) {
    if (!entry.taken_.exchange(true)) {
      descriptor = &entry;
      break;
    }
  }
  if (descriptor == nullptr) {
    kernel::Close(fd);
    return nullptr;
  }
  const int high = kernel::DuplicateFrom(fd, LowestHighNumber());
  if (high >= 0) kernel::Close(std::exchange(fd, high));
  g_process.store(getpid());
  descriptor->kind_.store(identity.kind);
  descriptor->cookie_.store(identity.cookie);
  LowerBound(fd);
  descriptor->number_.store(fd);
  return descriptor;
}

bool OwnDescriptor::IsIntact() const {
  const int fd = number();
  return fd >= 0 && Is(fd);
}

void OwnDescriptor::Close(OwnDescriptor* descriptor) {
  if (descriptor == nullptr) return;
  const int fd = descriptor->number_.exchange(-1);
  if (fd >= 0 && descriptor->Is(fd)) kernel::Close(fd);
  descriptor->taken_.store(false);
}

int FirstOwnDescriptor(unsigned lowest, unsigned highest) {
  if (highest < g_lowest.load(std::memory_order_relaxed)) return -1;
  unsigned first = UINT_MAX;
  for (const OwnDescriptor& entry : g_descriptors) {
    const int fd = entry.number();
    if (fd < 0) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number >= lowest && number <= highest) first = std::min(first, number);
  }
  if (first == UINT_MAX || getpid() != g_process.load()) return -1;
  // One that the program has closed by itself isn't ours any more.
  for (const OwnDescriptor& entry : g_descriptors) {
    if (entry.number() != static_cast<int>(first)) continue;
    if (entry.IsIntact()) return static_cast<int>(first);
  }
  if (first == highest) return -1;
  return FirstOwnDescriptor(first + 1, highest);
}

void MakeWay(int fd) {
  for (OwnDescriptor& entry : g_descriptors) {
    if (entry.number() != fd) continue;
    // Published before the number changes hands. Somebody who has just read the
    // old one, and uses it when the program has it, would need the program to
    // do that in that very moment.
    int other = kernel::DuplicateFrom(fd, LowestHighNumber());
    if (other < 0) other = kernel::DuplicateFrom(fd, fd + 1);
    if (other >= 0) LowerBound(other);
    int expected = fd;
    if (!entry.number_.compare_exchange_strong(expected,
                                               other >= 0 ? other : -1) &&
        other >= 0) {
      kernel::Close(other);
    }
    return;
  }
}

void CloseOwnDescriptorsAfterFork(const OwnDescriptor* except) {
  g_process.store(getpid());
  for (OwnDescriptor& entry : g_descriptors) {
    if (&entry == except) continue;
    OwnDescriptor::Close(&entry);
  }
}

}  // namespace wsp
