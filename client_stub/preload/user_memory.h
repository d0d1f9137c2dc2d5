#ifndef WSPD_CLIENT_STUB_PRELOAD_USER_MEMORY_H_
#define WSPD_CLIENT_STUB_PRELOAD_USER_MEMORY_H_

#include <cstddef>

namespace wsp {

// Copy between the library's memory and what the program's pointers name, as
// the kernel does for its calls: false, which is EFAULT, where there is no such
// memory, and no fault. errno is left alone. Async-signal-safe.
bool CopyIn(void* to, const void* from, size_t size);
bool CopyOut(void* to, const void* from, size_t size);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_USER_MEMORY_H_
