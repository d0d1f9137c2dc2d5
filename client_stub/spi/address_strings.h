#ifndef WSPD_CLIENT_STUB_SPI_ADDRESS_STRINGS_H_
#define WSPD_CLIENT_STUB_SPI_ADDRESS_STRINGS_H_

#include <winsock2.h>

#include <cstdint>

namespace wsp {

// What WSPAddressToString and WSPStringToAddress do after the checks of all
// calls (reference, sections 1.1 and 2). Any thread. Both return 0 or a Winsock
// code, and write nothing on failure but the length that WSAEFAULT asks for.
//
// The strings are "192.0.2.1" and "192.0.2.1:80", "2001:db8::1%3" and
// "[2001:db8::1%3]:80": a port of 0 and a scope of 0 are left out.

// Writes `address` of `address_length` bytes to `text`, which has room for
// *text_length characters, and stores there how many it takes with the NUL.
// `info` may be null. WSAEFAULT if a pointer is missing or the room is too
// small, WSAEINVAL if the address is too short, of a family that isn't there,
// or of another than that of `info`.
uint32_t AddressToString(const sockaddr* address, DWORD address_length,
                         const WSAPROTOCOL_INFOW* info, WCHAR* text,
                         DWORD* text_length);

// Reads the NUL-terminated `text` to `address`, which has room for
// *address_length bytes, and stores there how many it takes. `info` may be
// null. WSAEFAULT as above, WSAEINVAL if `text` is missing or no address of
// `family`, or the family isn't there or another than that of `info`.
//
// Names aren't resolved. As on Windows an IPv4 address may have one to four
// parts, the last of which fills the rest, and its parts and any port may be
// hexadecimal (0x1f) or octal (037); a port that is given isn't 0. Other than
// on Windows a number of more than 32 bits doesn't wrap: it is WSAEINVAL.
uint32_t StringToAddress(const WCHAR* text, INT family,
                         const WSAPROTOCOL_INFOW* info, sockaddr* address,
                         INT* address_length);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_ADDRESS_STRINGS_H_
