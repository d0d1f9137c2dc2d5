#ifndef WSPD_TESTS_STRESS_ACCEPTOR_H_
#define WSPD_TESTS_STRESS_ACCEPTOR_H_

#include <string>

#include "tests/stress/client_context.h"
#include "tests/stress/extension_functions.h"
#include "tests/testing/endpoint.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

// A listener, from which connections are taken in any way: by WSPAccept, also
// cancelled ones, by network events, and by AcceptEx. For the thread that made
// it. What fails is a fault unless a cleanup explains it.
class Acceptor {
 public:
  Acceptor(ClientContext* context, ExtensionFunctions* functions)
      : context_(context), spi_(context->spi), functions_(functions) {}

  bool Listen();
  const Endpoint& endpoint() const { return endpoint_; }

  // Waits for a connection. `received` is what came with it, perhaps nothing.
  bool Next(SOCKET* s, std::string* received);

  // If it listens.
  void Close();

 private:
  bool AcceptBlocking(SOCKET* s);
  bool AcceptByEvent(SOCKET* s);
  bool AcceptOverlapped(SOCKET* s, std::string* received);
  size_t AnyRoom();

  ClientContext* const context_;
  Spi* const spi_;
  ExtensionFunctions* const functions_;
  // Not of a call: a registration that a cleanup ends goes on with it so long.
  const Event event_;
  SOCKET listener_ = INVALID_SOCKET;
  Endpoint endpoint_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_ACCEPTOR_H_
