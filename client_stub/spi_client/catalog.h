#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_CATALOG_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_CATALOG_H_

#include <winsock2.h>

#include <array>
#include <string>

namespace wspd::spi_client {

// The catalog of this SPI client: TCP and UDP over IPv4 and IPv6, as Windows'
// own entries. XP1_IFS_HANDLES is there if $WSPD_PLANE asks for kernel handles,
// which a provider out of process else has none of.
const std::array<WSAPROTOCOL_INFOW, 4>& CatalogEntries();

// The entry for an address family and a socket type, or null.
const WSAPROTOCOL_INFOW* FindCatalogEntry(int address_family, int socket_type);

// Copies ASCII text to UTF-16, cut to `capacity` units including the end.
void CopyToWide(const std::string& text, WCHAR* wide, size_t capacity);

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_CATALOG_H_
