#ifndef WSPD_CLIENT_STUB_SPI_DEPARTURE_H_
#define WSPD_CLIENT_STUB_SPI_DEPARTURE_H_

namespace wsp {

// Runs application code, `run(argument)`, in the middle of a call. If the
// thread leaves it other than by returning, with pthread_cancel, pthread_exit
// or a longjmp past this call, `depart(argument)` runs first, on top of the
// application code that leaves. What calls this holds nothing of ours, so that
// `depart` may take the lock.
//
// Not noticed: setcontext and whatever else switches stacks by itself.
void RunWatched(void (*run)(void* argument), void (*depart)(void* argument),
                void* argument);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_DEPARTURE_H_
