#ifndef WSPD_TESTS_STRESS_WORKER_H_
#define WSPD_TESTS_STRESS_WORKER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/stress/caller.h"
#include "tests/stress/client_connection.h"
#include "tests/stress/ledger.h"
#include "tests/testing/endpoint.h"
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
         const std::vector<uint16_t>& peer_ports, int sockets, uint64_t seed);

  // The thread.
  void Run();

  // For others, while Run runs.
  Caller& caller() { return caller_; }

 private:
  using Slot = std::unique_ptr<ClientConnection>;

  bool Listen();
  Slot& AnySlot();
  void Turn();
  // Both leave it empty where nothing comes about.
  void Connect(Slot* slot);
  void Accept(Slot* slot);
  // Connects and says hello. False if not.
  bool ConnectToPeers(const Hello& hello, SOCKET* s);
  bool AcceptNext(SOCKET* s);
  bool AcceptCalledBack(uint32_t record, SOCKET* s);
  // False, and a fault unless a cleanup explains it.
  bool Check(const char* call, WsaCode code);
  void CloseAll();
  void CheckCleanedUp();

  Spi* const spi_;
  Ledger* const ledger_;
  Orders* const orders_;
  const std::vector<uint16_t> peer_ports_;
  Random random_;
  Caller caller_;
  ClientContext context_;
  SOCKET listener_ = INVALID_SOCKET;
  Endpoint endpoint_;
  std::vector<Slot> slots_;
  std::vector<Slot> faulty_;  // with transfers that don't end
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_WORKER_H_
