// The calls that close descriptors or take their numbers: a program that closes
// what it doesn't know, or has its own under a number that it takes for free,
// gets what it would get without the library, and the library keeps its own.
//
// posix_spawn's file actions and what a vfork child does need nothing: they are
// about another table of descriptors, and exec closes ours there. A raw system
// call is noticed when the descriptor is used next.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdarg.h>
#include <unistd.h>

#include <algorithm>

#include "client_stub/preload/descriptor_hints.h"
#include "client_stub/preload/exported.h"
#include "client_stub/preload/own_descriptors.h"
#include "client_stub/preload/real_functions.h"

namespace wsp {
namespace {

int RefuseAsUnknown() {
  errno = EBADF;
  return -1;
}

// Closes the numbers from `first` to `last` but the library's own.
int CloseAround(unsigned first, unsigned last, int flags) {
  ForgetHints(first, last);
  for (;;) {
    const int own = FirstOwnDescriptor(first, last);
    if (own < 0) return Real().close_range(first, last, flags);
    const auto number = static_cast<unsigned>(own);
    if (number > first && Real().close_range(first, number - 1, flags) != 0) {
      return -1;
    }
    if (number == last) return 0;
    first = number + 1;
  }
}

// Of a number that has just become another descriptor.
int NoteDuplicate(int from, int fd) {
  if (fd >= 0) DuplicateHint(from, fd);
  return fd;
}

template <typename Function>
int Control(Function real, int fd, int command, void* argument) {
  if (IsOwnDescriptor(fd)) return RefuseAsUnknown();
  const int result = real(fd, command, argument);
  return command == F_DUPFD || command == F_DUPFD_CLOEXEC
             ? NoteDuplicate(fd, result)
             : result;
}

}  // namespace
}  // namespace wsp

WSP_INTERPOSED int close(int fd) {
  if (wsp::IsOwnDescriptor(fd)) return wsp::RefuseAsUnknown();
  // Before somebody else gets the number.
  wsp::ForgetHint(fd);
  return wsp::Real().close(fd);
}

WSP_INTERPOSED int close_range(unsigned first, unsigned last,
                               int flags) noexcept {
  constexpr int kKnown = CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC;
  // The library's are close-on-exec as it is.
  if (first > last || (flags & ~kKnown) != 0 ||
      (flags & CLOSE_RANGE_CLOEXEC) != 0) {
    return wsp::Real().close_range(first, last, flags);
  }
  return wsp::CloseAround(first, last, flags);
}

WSP_INTERPOSED void closefrom(int lowest) noexcept {
  const auto first = static_cast<unsigned>(std::max(lowest, 0));
  if (wsp::FirstOwnDescriptor(first, UINT_MAX) >= 0) {
    const int caller_errno = errno;
    if (wsp::CloseAround(first, UINT_MAX, 0) == 0) return;
    // A kernel without close_range: the library's go, too, and are made anew.
    errno = caller_errno;
  }
  wsp::ForgetHints(first, UINT_MAX);
  wsp::Real().closefrom(lowest);
}

WSP_INTERPOSED int dup(int fd) noexcept {
  if (wsp::IsOwnDescriptor(fd)) return wsp::RefuseAsUnknown();
  return wsp::NoteDuplicate(fd, wsp::Real().dup(fd));
}

WSP_INTERPOSED int dup2(int fd, int number) noexcept {
  if (wsp::IsOwnDescriptor(fd)) return wsp::RefuseAsUnknown();
  if (wsp::IsOwnDescriptor(number)) wsp::MakeWay(number);
  return wsp::NoteDuplicate(fd, wsp::Real().dup2(fd, number));
}

WSP_INTERPOSED int dup3(int fd, int number, int flags) noexcept {
  if (wsp::IsOwnDescriptor(fd)) return wsp::RefuseAsUnknown();
  if (wsp::IsOwnDescriptor(number)) wsp::MakeWay(number);
  return wsp::NoteDuplicate(fd, wsp::Real().dup3(fd, number, flags));
}

// Every command's argument, if it has one, fits a pointer.

WSP_INTERPOSED int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return wsp::Control(wsp::Real().fcntl, fd, command, argument);
}

WSP_INTERPOSED int fcntl64(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return wsp::Control(wsp::Real().fcntl64, fd, command, argument);
}
