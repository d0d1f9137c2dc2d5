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

// For seccomp(), of which the C library has no function of its own. Not
// variadic, which takes time: it has always all arguments that there may be,
// some of them of no meaning.
extern "C" __attribute__((visibility("default"))) long SystemCall(
    long number, unsigned long a, unsigned long b, unsigned long c,
    unsigned long d, unsigned long e, unsigned long f) noexcept
    __asm__("syscall");

long SystemCall(long number, unsigned long a, unsigned long b, unsigned long c,
                unsigned long d, unsigned long e, unsigned long f) noexcept {
  const auto real = [&] {
    return wsp::Real().syscall(number, a, b, c, d, e, f);
  };
  if (number != SYS_seccomp ||
      (a != SECCOMP_SET_MODE_STRICT && a != SECCOMP_SET_MODE_FILTER)) {
    return real();
  }
  wsp::Confinement confinement(wsp::ModeOf(a),
                               reinterpret_cast<const void*>(c));
  const long result = real();
  // A listener's descriptor, if that was asked for.
  if (result < 0) confinement.TakeBack();
  return result;
}
