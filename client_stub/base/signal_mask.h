#ifndef WSPD_CLIENT_STUB_BASE_SIGNAL_MASK_H_
#define WSPD_CLIENT_STUB_BASE_SIGNAL_MASK_H_

#include <cstdint>

namespace wsp {

// A set of signals: bit n - 1 stands for signal n, as the kernel has it. Empty
// on Windows, where no thread is interrupted.
using SignalMask = uint64_t;

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_BASE_SIGNAL_MASK_H_
