#include "client_stub/spi/departure.h"

#include <pthread.h>

// The older form of pthread_cleanup_push, which <pthread.h> declares the buffer
// of. Unlike the present one its handlers also run in longjmp, when that goes
// past them (glibc's __pthread_cleanup_upto).
extern "C" {
void _pthread_cleanup_push(_pthread_cleanup_buffer* buffer,
                           void (*routine)(void*), void* argument);
void _pthread_cleanup_pop(_pthread_cleanup_buffer* buffer, int execute);
}

namespace wsp {

// The buffer's address tells whether a jump goes past it: AddressSanitizer must
// not put it elsewhere.
__attribute__((no_sanitize("address"), noinline)) void RunWatched(
    void (*run)(void*), void (*depart)(void*), void* argument) {
  _pthread_cleanup_buffer buffer;
  _pthread_cleanup_push(&buffer, depart, argument);
  run(argument);
  _pthread_cleanup_pop(&buffer, 0);
}

}  // namespace wsp
