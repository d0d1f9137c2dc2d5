#include "daemon/relay/foreign_descriptors.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace wspd {
namespace {

// Descriptors that wait while one takes its time. Above, they are closed on the
// spot, so that not all of the daemon's own are used up by them.
constexpr size_t kMostWaiting = 1024;

// Never destroyed: its thread may be in a close() that doesn't return.
class Disposal {
 public:
  void Add(OwnedFd fd) {
    absl::MutexLock lock(&mu_);
    if (waiting_.size() >= kMostWaiting) return;
    waiting_.push_back(std::move(fd));
    if (std::exchange(started_, true)) return;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    std::thread([this] { Run(); }).detach();
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
  }

 private:
  void Run() {
    pthread_setname_np(pthread_self(), "wspd-disposal");
    for (;;) {
      // Closed without the lock.
      std::vector<OwnedFd> closing;
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(
          +[](std::vector<OwnedFd>* waiting) { return !waiting->empty(); },
          &waiting_));
      closing.swap(waiting_);
    }
  }

  absl::Mutex mu_;
  bool started_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<OwnedFd> waiting_ ABSL_GUARDED_BY(mu_);
};

std::vector<OwnedFd> DescriptorsOf(const msghdr& message) {
  std::vector<OwnedFd> fds;
  // CMSG_NXTHDR wants one that it could change, and doesn't.
  auto* const raw = const_cast<msghdr*>(&message);
  for (cmsghdr* part = CMSG_FIRSTHDR(raw); part != nullptr;
       part = CMSG_NXTHDR(raw, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + i * sizeof(fd), sizeof(fd));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

void ForeignDescriptors::Dispose(OwnedFd fd) {
  // Where it is this that would make it last.
  const linger none{0, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  static Disposal* const disposal = new Disposal;
  disposal->Add(std::move(fd));
}

ssize_t ForeignDescriptors::Receive(int fd, char* data, size_t size, int flags,
                                    bool* stopped) {
  iovec bytes = {data, size};
  Control control;
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof(control);
  ssize_t received;
  do {
    received = recvmsg(fd, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return received;
  *stopped =
      message.msg_controllen > 0 || (message.msg_flags & MSG_CTRUNC) != 0;
  if (*stopped) Dispose(message);
  return received;
}

void ForeignDescriptors::Dispose(const msghdr& message) {
  for (OwnedFd& fd : DescriptorsOf(message)) Dispose(std::move(fd));
}

OwnedFd ForeignDescriptors::TakeOnly(const msghdr& message) {
  std::vector<OwnedFd> fds = DescriptorsOf(message);
  if (fds.size() == 1 && (message.msg_flags & MSG_CTRUNC) == 0) {
    return std::move(fds[0]);
  }
  for (OwnedFd& fd : fds) Dispose(std::move(fd));
  return OwnedFd();
}

}  // namespace wspd
