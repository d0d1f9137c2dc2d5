#ifndef WSPD_CLIENT_STUB_PRELOAD_SECCOMP_FILTER_H_
#define WSPD_CLIENT_STUB_PRELOAD_SECCOMP_FILTER_H_

#include <linux/filter.h>

#include <cstdint>

namespace wsp {

// A system call that a filter may be asked about before it is in force.
struct FilteredCall {
  // SYS_...
  long number;
  // Those of the arguments that are known; bit i for the i-th.
  unsigned known = 0;
  uint64_t arguments[6] = {};
};

// Whether a seccomp filter certainly lets the call pass, whatever the arguments
// that aren't known. False also for a filter that looks at one of these, and
// for one that the kernel wouldn't take. The program is the caller's, and is
// read as the kernel reads it: a bad pointer is no fault. Async-signal-safe.
bool FilterAllows(const sock_fprog& filter, const FilteredCall& call);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_SECCOMP_FILTER_H_
