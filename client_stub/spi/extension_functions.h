#ifndef WSPD_CLIENT_STUB_SPI_EXTENSION_FUNCTIONS_H_
#define WSPD_CLIENT_STUB_SPI_EXTENSION_FUNCTIONS_H_

#include <winsock2.h>

namespace wsp {

// Any of the functions that a caller gets by SIO_GET_EXTENSION_FUNCTION_POINTER
// and casts to the type that belongs to the id (reference, section 4.9).
using ExtensionFunction = void (*)();

// Null if there is no function of this id.
ExtensionFunction FindExtensionFunction(const GUID& id);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_EXTENSION_FUNCTIONS_H_
