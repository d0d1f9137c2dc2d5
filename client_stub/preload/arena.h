#ifndef WSPD_CLIENT_STUB_PRELOAD_ARENA_H_
#define WSPD_CLIENT_STUB_PRELOAD_ARENA_H_

#include <cstddef>

namespace wsp {

// The library's own memory: socket() is async-signal-safe, so that a handler
// may call it that has interrupted malloc. Powers of two out of blocks that the
// kernel maps, which are kept; what is larger than half a block is mapped and
// unmapped by itself.
//
// Thread-safe. The calling thread has its signals blocked: a handler must not
// come in between.

// Aligned to 16 bytes; null if the kernel gives no memory.
void* ArenaAllocate(size_t size);
// As realloc().
void* ArenaReallocate(void* memory, size_t size);
// Nothing for null.
void ArenaFree(void* memory);

// In a forked child, which has its parent's memory in whatever state another
// thread left it: everything is free.
void ResetArenaAfterFork();

// What is mapped for blocks, in bytes.
size_t ArenaBlockBytes();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_ARENA_H_
