#include "client_stub/spi/leaving_thread.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

namespace wsp {
namespace {

constexpr int64_t kReturnNs = 50 * 1000;
constexpr int64_t kUnwindNs = 5 * 1000 * 1000;
constexpr int kAttempts = 5000;
constexpr timespec kBetweenAttempts = {0, 200 * 1000};

// The kernel's name for the processor-time clock of a thread by its id, which
// stays valid to ask for when the thread is gone, unlike a pthread_t.
clockid_t ClockOf(pid_t thread) {
  constexpr unsigned kSchedulerClock = 2;
  constexpr unsigned kOfThread = 4;
  return static_cast<clockid_t>(~static_cast<unsigned>(thread) << 3 |
                                kSchedulerClock | kOfThread);
}

// -1 if there is no such thread.
int64_t UsedNs(clockid_t clock) {
  timespec used;
  if (clock_gettime(clock, &used) != 0) return -1;
  return static_cast<int64_t>(used.tv_sec) * 1000000000 + used.tv_nsec;
}

bool Sleeps(pid_t thread) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[512];
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0) return false;
  text[size] = '\0';
  // The state follows the name, which may contain anything.
  const char* name_end = strrchr(text, ')');
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'S';
}

}  // namespace

LeavingThread LeavingThread::ThisReturning() {
  return LeavingThread(gettid(), UsedNs(CLOCK_THREAD_CPUTIME_ID) + kReturnNs);
}

LeavingThread LeavingThread::ThisUnwinding() {
  return LeavingThread(gettid(), UsedNs(CLOCK_THREAD_CPUTIME_ID) + kUnwindNs);
}

bool LeavingThread::IsOutside() const {
  const int64_t used = UsedNs(ClockOf(thread_));
  return used < 0 || used >= enough_ns_ || Sleeps(thread_);
}

void LeavingThread::AwaitOutside() const {
  for (int i = 0; i < kAttempts && !IsOutside(); ++i) {
    nanosleep(&kBetweenAttempts, nullptr);
  }
}

}  // namespace wsp
