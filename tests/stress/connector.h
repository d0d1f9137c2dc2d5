#ifndef WSPD_TESTS_STRESS_CONNECTOR_H_
#define WSPD_TESTS_STRESS_CONNECTOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/stress/client_context.h"
#include "tests/stress/extension_functions.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

// Connects to the peers in any way: by a WSPConnect that blocks, by one that
// doesn't and a network event, and by ConnectEx. For the thread that made it.
// What fails is a fault unless a cleanup explains it.
class Connector {
 public:
  Connector(ClientContext* context, ExtensionFunctions* functions,
            const std::vector<uint16_t>& peer_ports)
      : context_(context),
        spi_(context->spi),
        functions_(functions),
        peer_ports_(peer_ports) {}

  // Connects, and sends `first`, which is so short that its peer gets it as one
  // piece, and may reset the connection only behind it.
  bool Connect(const std::string& first, SOCKET* s);

 private:
  bool ConnectBlocking(SOCKET s, uint16_t port, const std::string& first);
  bool ConnectByEvent(SOCKET s, uint16_t port, const std::string& first);
  bool ConnectOverlapped(SOCKET s, uint16_t port, const std::string& first);
  bool SendFirst(SOCKET s, const std::string& first);

  ClientContext* const context_;
  Spi* const spi_;
  ExtensionFunctions* const functions_;
  const std::vector<uint16_t> peer_ports_;
  // Not of a call: a registration that a cleanup ends goes on with it so long.
  const Event event_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_CONNECTOR_H_
