#ifndef WSPD_DAEMON_BASE_OWNED_FD_H_
#define WSPD_DAEMON_BASE_OWNED_FD_H_

#include <unistd.h>

#include <utility>

namespace wspd {

// Owns a file descriptor and closes it. Move-only.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.Release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  ~OwnedFd() { Reset(); }

  bool valid() const { return fd_ >= 0; }
  // Negative if nothing is owned.
  int get() const { return fd_; }

  // Gives the descriptor away.
  int Release() { return std::exchange(fd_, -1); }

  // Closes what is owned and takes `fd` instead.
  void Reset(int fd = -1) {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) close(old);
  }

 private:
  int fd_ = -1;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_OWNED_FD_H_
