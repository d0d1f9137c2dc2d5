#ifndef WSPD_CLIENT_STUB_SPI_LOADER_H_
#define WSPD_CLIENT_STUB_SPI_LOADER_H_

#include <winsock2.h>
#include <ws2spi.h>

namespace wsp {

// The system's loader of libraries. It has a lock of its own: nothing of ours
// may be held.

// A function that the SPI client exports, which has loaded this library; null
// if it doesn't.
void* FindExport(const char* name);

// Keeps this library loaded until the pin is given back. Null if the loader
// doesn't know it.
void* PinLibrary();
void UnpinLibrary(void* pin);

// The loader's own function that gives a pin back, the library's last perhaps:
// it isn't the library's, so that a jump to it never comes back here. As an APC
// that gets the pin.
LPWSAUSERAPC UnpinFunction();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_LOADER_H_
