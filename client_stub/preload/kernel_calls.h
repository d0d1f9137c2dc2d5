#ifndef WSPD_CLIENT_STUB_PRELOAD_KERNEL_CALLS_H_
#define WSPD_CLIENT_STUB_PRELOAD_KERNEL_CALLS_H_

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The kernel's calls themselves, for the library's own work: what the program
// calls by these names comes to the library first, and to others that are
// preloaded. Each returns what the kernel does, a negative errno on failure; no
// one is a cancellation point, all are async-signal-safe.
namespace wsp::kernel {

inline long Word(long value) { return value; }
inline long Word(const void* value) { return reinterpret_cast<long>(value); }

template <typename... Arguments>
long Call(long number, Arguments... arguments) {
  const long result = syscall(number, Word(arguments)...);
  return result == -1 ? -errno : result;
}

inline int Socket(int family, int type, int protocol) {
  return static_cast<int>(Call(SYS_socket, family, type, protocol));
}

inline int Close(int fd) { return static_cast<int>(Call(SYS_close, fd)); }

// A close-on-exec duplicate with the first free number from `lowest` on.
inline int DuplicateFrom(int fd, int lowest) {
  return static_cast<int>(Call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, lowest));
}

inline int Connect(int fd, const sockaddr* address, socklen_t size) {
  return static_cast<int>(
      Call(SYS_connect, fd, address, static_cast<long>(size)));
}

inline int GetSocketOption(int fd, int option, void* value, socklen_t* size) {
  return static_cast<int>(
      Call(SYS_getsockopt, fd, SOL_SOCKET, option, value, size));
}

inline int SetSocketOption(int fd, int option, const void* value,
                           socklen_t size) {
  return static_cast<int>(Call(SYS_setsockopt, fd, SOL_SOCKET, option, value,
                               static_cast<long>(size)));
}

inline long SendMessage(int fd, const msghdr* message, int flags) {
  return Call(SYS_sendmsg, fd, message, flags);
}

inline long ReceiveMessage(int fd, msghdr* message, int flags) {
  return Call(SYS_recvmsg, fd, message, flags);
}

// Of a signal mask, as the kernel has it.
constexpr long kMaskBytes = 8;

// The thread's mask, with the signals of the C library's own too.
inline void SetSignalMask(const sigset_t* mask, sigset_t* old) {
  Call(SYS_rt_sigprocmask, SIG_SETMASK, mask, old, kMaskBytes);
}

// `signals`: the mask while it waits; null: as it is.
inline int Poll(pollfd* fds, size_t count, const timespec* timeout,
                const sigset_t* signals) {
  return static_cast<int>(Call(SYS_ppoll, fds, static_cast<long>(count),
                               timeout, signals, kMaskBytes));
}

// Milliseconds of a steady clock.
inline int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000} + now.tv_nsec / 1000000;
}

}  // namespace wsp::kernel

#endif  // WSPD_CLIENT_STUB_PRELOAD_KERNEL_CALLS_H_
