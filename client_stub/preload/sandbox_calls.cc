// The calls by which a program forbids itself others for good.
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "client_stub/preload/confinement.h"
#include "client_stub/preload/exported.h"
#include "client_stub/preload/real_functions.h"

namespace wsp {
namespace {

unsigned long ModeOf(unsigned long operation) {
  return operation == SECCOMP_SET_MODE_STRICT ? SECCOMP_MODE_STRICT
                                              : SECCOMP_MODE_FILTER;
}

}  // namespace
}  // namespace wsp

// Every option's arguments fit a register each; who gives fewer leaves the rest
// to chance, as in the C library.
WSP_INTERPOSED int prctl(int option, ...) noexcept {
  va_list list;
  va_start(list, option);
  unsigned long arguments[4];
  for (unsigned long& argument : arguments) {
    argument = va_arg(list, unsigned long);
  }
  va_end(list);
  const auto real = [&] {
    return wsp::Real().prctl(option, arguments[0], arguments[1], arguments[2],
                             arguments[3]);
  };
  if (option != PR_SET_SECCOMP) return real();
  wsp::Confinement confinement(arguments[0],
                               reinterpret_cast<const void*>(arguments[1]));
  const int result = real();
  if (result != 0) confinement.TakeBack();
  return result;
}

// For seccomp(), of which the C library has no function of its own.
WSP_INTERPOSED long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  const auto real = [&] {
    return wsp::Real().syscall(number, arguments[0], arguments[1], arguments[2],
                               arguments[3], arguments[4], arguments[5]);
  };
  if (number != SYS_seccomp || (arguments[0] != SECCOMP_SET_MODE_STRICT &&
                                arguments[0] != SECCOMP_SET_MODE_FILTER)) {
    return real();
  }
  wsp::Confinement confinement(
      wsp::ModeOf(static_cast<unsigned long>(arguments[0])),
      reinterpret_cast<const void*>(arguments[2]));
  const long result = real();
  // A listener's descriptor, if that was asked for.
  if (result < 0) confinement.TakeBack();
  return result;
}
