#ifndef WSPD_CLIENT_STUB_BASE_POSIX_SIGNAL_SET_H_
#define WSPD_CLIENT_STUB_BASE_POSIX_SIGNAL_SET_H_

#include <signal.h>
#include <string.h>

#include "client_stub/base/signal_mask.h"

namespace wsp {

// A SignalMask as the C library has it: the kernel's signals are the first 64
// bits.

inline SignalMask MaskOf(const sigset_t& set) {
  SignalMask mask;
  memcpy(&mask, &set, sizeof mask);
  return mask;
}

inline sigset_t SetOf(SignalMask mask) {
  sigset_t set;
  sigemptyset(&set);
  memcpy(&set, &mask, sizeof mask);
  return set;
}

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_BASE_POSIX_SIGNAL_SET_H_
