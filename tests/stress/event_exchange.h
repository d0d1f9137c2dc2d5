#ifndef WSPD_TESTS_STRESS_EVENT_EXCHANGE_H_
#define WSPD_TESTS_STRESS_EVENT_EXCHANGE_H_

#include "tests/stress/client_connection.h"
#include "tests/stress/client_context.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

// Sends and receives by network events, on one connection after the other, each
// for a while: registers it, again and again with other events and event
// objects, does what can be done until it would block, and waits to be told
// that it wouldn't any more. For the thread that made it.
class EventExchange {
 public:
  explicit EventExchange(ClientContext* context)
      : context_(context), spi_(context->spi) {}

  // Afterwards the connection blocks again, and has no registration.
  void Run(ClientConnection* connection);

 private:
  void Select();
  void Turn();
  // Whether it would block in the end: what has to be told of then.
  LONG Receive();
  LONG Send();
  // Enumerates, until one of `awaited` is told if there are any.
  void Hear(LONG awaited);
  void End();
  bool goes_on() const { return connection_->usable() && !*context_->cleaning; }

  ClientContext* const context_;
  Spi* const spi_;
  // A registration that a cleanup ends goes on with it so long.
  const Event events_[2];
  ClientConnection* connection_ = nullptr;
  const Event* event_ = nullptr;
  LONG selected_ = 0;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_EVENT_EXCHANGE_H_
