// malloc and its relatives inside the library: what the library itself and the
// libnghttp2 in it call by these names. Only for libwsp_preload.so, which
// exports none of them; the program's malloc is the program's.
#include <cstddef>
#include <cstring>

#include "client_stub/preload/arena.h"

// Hidden from the program. As names of C++'s own they would have the C
// library's visibility, which the compiler knows.
#define WSP_HIDDEN __attribute__((visibility("hidden")))

extern "C" {

WSP_HIDDEN void* wsp_malloc(size_t size) asm("malloc");
WSP_HIDDEN void wsp_free(void* memory) asm("free");
WSP_HIDDEN void* wsp_calloc(size_t count, size_t size) asm("calloc");
WSP_HIDDEN void* wsp_realloc(void* memory, size_t size) asm("realloc");

void* wsp_malloc(size_t size) { return wsp::ArenaAllocate(size); }

void wsp_free(void* memory) { wsp::ArenaFree(memory); }

void* wsp_calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return nullptr;
  void* memory = wsp::ArenaAllocate(bytes);
  if (memory != nullptr) std::memset(memory, 0, bytes);
  return memory;
}

void* wsp_realloc(void* memory, size_t size) {
  return wsp::ArenaReallocate(memory, size);
}

// Debian's static libnghttp2 isn't made for shared libraries: a function that
// nobody calls refers to stderr as only a program may refer to a library's
// data. It gets one of its own.
WSP_HIDDEN void* wsp_no_stderr asm("stderr") = nullptr;

}  // extern "C"
