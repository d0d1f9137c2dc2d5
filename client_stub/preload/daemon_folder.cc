#include "client_stub/preload/daemon_folder.h"

#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>

#include <atomic>

#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/settings.h"

namespace wsp {
namespace {

constexpr size_t kStackBytes = 64 << 10;

std::atomic<OwnDescriptor*> g_folder{nullptr};
std::atomic<bool> g_root_left{false};

// Where the last part of the path begins.
const char* NameOf(const char* path) { return strrchr(path, '/') + 1; }

int ConnectTo(int fd, const char* path) {
  sockaddr_un address;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path, strlen(path) + 1);
  int error;
  do {
    error = kernel::Connect(fd, reinterpret_cast<const sockaddr*>(&address),
                            sizeof address);
  } while (error == -EINTR);
  return error;
}

struct Errand {
  int folder;
  int fd;
  const char* name;
  int result;
  // The kernel zeroes it, and wakes who waits, when the thread has ended.
  std::atomic<uint32_t> running{1};
};

// In a thread made without CLONE_FS, which has a working folder of its own. It
// shares the thread record of the C library with the one that waits for it, and
// uses nothing of it but errno.
int RunErrand(void* argument) {
  auto* errand = static_cast<Errand*>(argument);
  const int error = static_cast<int>(kernel::Call(SYS_fchdir, errand->folder));
  errand->result = error != 0 ? error : ConnectTo(errand->fd, errand->name);
  return 0;
}

// 0 if a thread of its own has run it; a negative errno if there could be none.
int RunInOwnThread(Errand* errand) {
  void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -errno;
  constexpr int kOneProcess = CLONE_VM | CLONE_FILES | CLONE_SIGHAND |
                              CLONE_THREAD | CLONE_SYSVSEM |
                              CLONE_CHILD_CLEARTID;
  // All signals are blocked here, and so they are there.
  const int thread =
      clone(RunErrand, static_cast<char*>(stack) + kStackBytes, kOneProcess,
            errand, nullptr, nullptr, &errand->running);
  const int error = thread < 0 ? -errno : 0;
  while (error == 0 && errand->running.load() != 0) {
    kernel::Call(SYS_futex, &errand->running, FUTEX_WAIT, 1,
                 static_cast<const void*>(nullptr));
  }
  munmap(stack, kStackBytes);
  return error;
}

// Back to where the thread was. A folder that could be opened can be entered,
// unless somebody has just forbidden it: then rather the root, since outside of
// it nobody may stay.
int ReturnTo(const OwnDescriptor* before) {
  const auto error =
      static_cast<int>(kernel::Call(SYS_fchdir, before->number()));
  if (error != 0) kernel::Call(SYS_chdir, "/");
  return error;
}

// For a process that can have no other thread (RLIMIT_NPROC, a control group's
// limit): the calling one goes to the folder and comes back.
//
// What it can't take back: unshare() gives it a working folder, root and umask
// of its own for good, so that other threads don't see where it goes. In a
// process with one thread that changes nothing, in one with more a later
// chdir(), chroot() or umask() of this thread is no longer seen by the others,
// nor theirs by it; threads that it starts share with it. That is why it is
// the last resort, for servers that have settled before they forbid themselves
// threads.
int RunHere(Errand* errand) {
  const auto fd = static_cast<int>(kernel::Call(
      SYS_openat, AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return fd;
  OwnDescriptor* before = OwnDescriptor::Adopt(fd);
  if (before == nullptr) return -ENOBUFS;
  auto error = static_cast<int>(kernel::Call(SYS_unshare, CLONE_FS));
  if (error == 0) {
    RunErrand(errand);
    error = ReturnTo(before);
  }
  OwnDescriptor::Close(before);
  return error;
}

int ConnectFromFolder(int fd, const char* name) {
  const OwnDescriptor* folder = g_folder.load();
  if (folder == nullptr || !folder->IsIntact()) return -ENOENT;
  Errand errand = {folder->number(), fd, name, 0};
  if (RunInOwnThread(&errand) == 0) return errand.result;
  const int error = RunHere(&errand);
  return error != 0 ? error : errand.result;
}

}  // namespace

void KeepDaemonFolder() {
  if (const OwnDescriptor* folder = g_folder.load()) {
    if (folder->IsIntact() || g_root_left.load()) return;
    OwnDescriptor::Close(g_folder.exchange(nullptr));
  }
  char folder[sizeof Settings::socket_path];
  const char* path = ProcessSettings().socket_path;
  if (*path == '\0') return;
  size_t size = static_cast<size_t>(NameOf(path) - path);
  memcpy(folder, path, size);
  folder[size] = '\0';
  const auto fd = static_cast<int>(kernel::Call(
      SYS_openat, AT_FDCWD, folder, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return;
  OwnDescriptor* descriptor = OwnDescriptor::Adopt(fd);
  OwnDescriptor* none = nullptr;
  if (!g_folder.compare_exchange_strong(none, descriptor)) {
    OwnDescriptor::Close(descriptor);
  }
}

void LeaveDaemonsRoot() { g_root_left.store(true); }

int ConnectToDaemonSocket(int fd) {
  const char* path = ProcessSettings().socket_path;
  if (*path == '\0') return -ENAMETOOLONG;
  if (g_root_left.load()) return ConnectFromFolder(fd, NameOf(path));
  return ConnectTo(fd, path);
}

const OwnDescriptor* DaemonFolderAfterFork() { return g_folder.load(); }

}  // namespace wsp
