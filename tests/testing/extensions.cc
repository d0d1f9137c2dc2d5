#include "tests/testing/extensions.h"

#include <ws2tcpip.h>

#include <cstring>

#include "gtest/gtest.h"

namespace wspd::testing {

void* FindExtension(Spi& spi, SOCKET s, const GUID& id) {
  GUID wanted = id;
  void* function = nullptr;
  DWORD bytes = 0;
  int error = 0;
  if (spi.table().lpWSPIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &wanted,
                             sizeof(wanted), &function, sizeof(function),
                             &bytes, nullptr, nullptr, nullptr, &error) != 0) {
    ADD_FAILURE() << "no extension function: " << WsaCode{error};
  }
  return function;
}

WsaCode CodeOfInt(int result) {
  if (result == 0) return kOk;
  const int error = WSAGetLastError();
  WSASetLastError(0);
  return error == 0 ? kNoErrorGiven : WsaCode{error};
}

WsaCode CodeOfBool(BOOL result) { return CodeOfInt(result ? 0 : SOCKET_ERROR); }

SocketAddress::SocketAddress(const Endpoint& endpoint) {
  if (endpoint.family == Family::kIpv4) {
    sockaddr_in in = {};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::memcpy(&storage, &in, sizeof(in));
    length = sizeof(in);
  } else {
    sockaddr_in6 in6 = {};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(endpoint.port);
    in6.sin6_addr = in6addr_loopback;
    std::memcpy(&storage, &in6, sizeof(in6));
    length = sizeof(in6);
  }
}

Endpoint SocketAddress::ToEndpoint() const {
  sockaddr_in in;  // the port is at the same place in both
  std::memcpy(&in, &storage, sizeof(in));
  return {in.sin_family == AF_INET ? Family::kIpv4 : Family::kIpv6,
          ntohs(in.sin_port)};
}

}  // namespace wspd::testing
