#ifndef WSPD_TESTS_FUZZ_ISOLATION_H_
#define WSPD_TESTS_FUZZ_ISOLATION_H_

namespace wspd {

// Moves this process into a network namespace of its own, so that whatever
// address a fuzzer comes up with, nothing leaves the machine. Ends the program
// if that isn't possible.
void EnterEmptyNetwork();

}  // namespace wspd

#endif  // WSPD_TESTS_FUZZ_ISOLATION_H_
