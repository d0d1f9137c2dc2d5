#ifndef WSPD_TESTS_STRESS_EXTENSION_FUNCTIONS_H_
#define WSPD_TESTS_STRESS_EXTENSION_FUNCTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/stress/transfer.h"
#include "tests/testing/spi.h"
// After the Winsock headers.
#include <mswsock.h>

namespace wspd::testing {

// AcceptEx and ConnectEx for TCP over IPv4, and what has to be done before and
// after them. Each gives the code of its call.
class ExtensionFunctions {
 public:
  explicit ExtensionFunctions(Spi* spi) : spi_(spi) {}

  // By any socket. Before the others.
  WsaCode Find(SOCKET s);

  // With room for `room` bytes of data, which come first in the transfer's
  // buffer.
  WsaCode AcceptEx(SOCKET listener, SOCKET s, size_t room, Transfer* transfer);
  WsaCode UpdateAcceptContext(SOCKET s, SOCKET listener);

  // Any port of the loopback address 127.0.1.`host`: all ports of one address
  // may be waiting for their time after the end.
  WsaCode Bind(SOCKET s, uint8_t host);
  WsaCode ConnectEx(SOCKET s, uint16_t port, const std::string& data,
                    Transfer* transfer);
  WsaCode UpdateConnectContext(SOCKET s);

 private:
  Spi* const spi_;
  LPFN_ACCEPTEX accept_ex_ = nullptr;
  LPFN_CONNECTEX connect_ex_ = nullptr;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_EXTENSION_FUNCTIONS_H_
