#ifndef WSPD_TESTS_STRESS_WORKER_H_
#define WSPD_TESTS_STRESS_WORKER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/stress/acceptor.h"
#include "tests/stress/caller.h"
#include "tests/stress/client_connection.h"
#include "tests/stress/client_context.h"
#include "tests/stress/connector.h"
#include "tests/stress/datagram_exchange.h"
#include "tests/stress/event_exchange.h"
#include "tests/stress/extension_functions.h"
#include "tests/stress/ledger.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

// How the threads of a process learn what they are to do.
class Orders {
 public:
  // Close everything and end.
  void Stop() { stopping_ = true; }
  // The final cleanup begins, and is done.
  void BeginCleanup() { cleaning_ = true; }
  void EndCleanup();

  bool stopping() const { return stopping_; }
  const std::atomic<bool>& cleaning() const { return cleaning_; }
  void AwaitCleanup();

 private:
  std::atomic<bool> stopping_{false};
  std::atomic<bool> cleaning_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool cleaned_ = false;
};

// A thread that does anything with its sockets, until it is told to stop or the
// final cleanup comes.
class Worker {
 public:
  Worker(Spi* spi, Ledger* ledger, Orders* orders,
         const std::vector<uint16_t>& peer_ports, uint16_t datagram_port,
         int sockets, uint64_t seed);

  // The thread.
  void Run();

  // For others, while Run runs.
  Caller& caller() { return caller_; }

 private:
  using Slot = std::unique_ptr<ClientConnection>;

  Slot& AnySlot();
  void Turn();
  // Any operation on a connection, or something else.
  void Use(ClientConnection* connection);
  // WSPSelect over some of them.
  void SelectSome();
  // Both leave it empty where nothing comes about.
  void Connect(Slot* slot);
  void Accept(Slot* slot);
  // `data` is what came behind the hello.
  bool AcceptCalledBack(uint32_t record, SOCKET* s, std::string* data);
  bool ReadHello(SOCKET s, std::string* data, Hello* hello);
  void CloseAll();
  void CheckCleanedUp();

  Spi* const spi_;
  Ledger* const ledger_;
  Orders* const orders_;
  Random random_;
  Caller caller_;
  ClientContext context_;
  ExtensionFunctions functions_;
  Acceptor acceptor_;
  Connector connector_;
  DatagramExchange datagrams_;
  EventExchange exchange_;
  std::vector<Slot> slots_;
  std::vector<Slot> faulty_;  // with transfers that don't end
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_WORKER_H_
