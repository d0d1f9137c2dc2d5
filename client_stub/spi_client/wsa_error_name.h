#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_WSA_ERROR_NAME_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_WSA_ERROR_NAME_H_

#include <string>

namespace wspd::spi_client {

// "WSAECONNREFUSED (10061)", or "10999" for a code without a name.
std::string WsaErrorName(int code);

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_WSA_ERROR_NAME_H_
