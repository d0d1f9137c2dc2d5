#ifndef WSPD_TESTS_TESTING_EXTENSIONS_H_
#define WSPD_TESTS_TESTING_EXTENSIONS_H_

#include "tests/testing/spi.h"
// After the Winsock headers.
#include <mswsock.h>

namespace wspd::testing {

// The extension function of this id, as SIO_GET_EXTENSION_FUNCTION_POINTER
// gives it on socket `s`. A test failure, and null, if there is none.
void* FindExtension(Spi& spi, SOCKET s, const GUID& id);

template <typename Function>
Function GetExtension(Spi& spi, SOCKET s, const GUID& id) {
  return reinterpret_cast<Function>(FindExtension(spi, s, id));
}

// What an extension function says: its return value, and for a failure what it
// left to WSAGetLastError.
WsaCode CodeOfInt(int result);
WsaCode CodeOfBool(BOOL result);

// The address of an endpoint, in the provider's terms.
struct SocketAddress {
  sockaddr_storage storage = {};
  int length = sizeof(storage);

  SocketAddress() = default;
  explicit SocketAddress(const Endpoint& endpoint);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  Endpoint ToEndpoint() const;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_EXTENSIONS_H_
