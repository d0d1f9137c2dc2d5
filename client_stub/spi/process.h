#ifndef WSPD_CLIENT_STUB_SPI_PROCESS_H_
#define WSPD_CLIENT_STUB_SPI_PROCESS_H_

#include <cstdint>

namespace wsp {

// Whether there is a process of this id, as far as this process can see.
bool ProcessExists(uint32_t process_id);

// The calling process's.
uint32_t OwnProcessId();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_PROCESS_H_
