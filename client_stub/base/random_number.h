#ifndef WSPD_CLIENT_STUB_BASE_RANDOM_NUMBER_H_
#define WSPD_CLIENT_STUB_BASE_RANDOM_NUMBER_H_

#include <cstdint>

namespace wsp {

// From the system's generator. False if it has none to give; never waits for
// more than the system's own start.
bool GetRandomNumber(uint64_t* number);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_BASE_RANDOM_NUMBER_H_
