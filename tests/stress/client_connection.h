#ifndef WSPD_TESTS_STRESS_CLIENT_CONNECTION_H_
#define WSPD_TESTS_STRESS_CLIENT_CONNECTION_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>

#include "tests/stress/caller.h"
#include "tests/stress/ledger.h"
#include "tests/stress/transfer.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

using Random = std::mt19937_64;

// What the connections of one thread have in common.
struct ClientContext {
  Spi* spi;
  Ledger* ledger;
  Caller* caller;
  Random* random;
  // The final cleanup has begun: calls may be told so.
  const std::atomic<bool>* cleaning;
  int pending = 0;  // transfers of all the thread's connections
};

// A connection of the provider, which keeps an exact account of its bytes: each
// sent one is the next of a pattern, each received one is compared. For the
// thread that made it.
class ClientConnection {
 public:
  // `s` is connected, and `record` the connection's number.
  ClientConnection(ClientContext* context, SOCKET s, uint32_t record);
  // Not while transfers are pending.
  ~ClientConnection();

  // One operation, any that makes sense. False once the connection is over:
  // closed, in one way or another, or cleaned up.
  bool DoSomething();

  // Closes it in any way.
  void Close();

  // After the final cleanup, which has ended everything without a notice.
  void CheckCleanedUp();

  // Whether its transfers still need their memory.
  bool has_pending() const { return !sends_.empty() || !receives_.empty(); }

 private:
  struct Pending {
    explicit Pending(Transfer::Notice notice) : transfer(notice) {}
    Transfer transfer;
    size_t size = 0;
  };
  using Queue = std::deque<std::unique_ptr<Pending>>;

  void SendBlocking();
  void ReceiveBlocking();
  void Peek();
  void CallWithoutBlocking();
  void StartSend();
  void StartReceive();
  void AskAround();
  void ShutDown();
  void CloseHard();

  // What the front of a queue says, for as many as are over.
  void Settle();
  // Waits until all that were pending are over.
  void SettleAll(Queue* queue);
  bool AwaitUnlessCleaning(const Transfer& transfer);
  void CheckNotice(const Transfer& transfer);
  void SettleSend(const Pending& pending);
  void SettleReceive(const Pending& pending);
  void AfterClose();

  // `data` is what came next; empty is the connection's end.
  void Account(const char* data, size_t size);
  // Of a receive that was queued behind those that are pending.
  void AccountAfterPending(const std::string& data);
  // Judges a call's error: the connection's end, the final cleanup, or a fault.
  void Judge(const char* call, WsaCode code);
  void Fault(const std::string& what);
  bool MaySend() const { return !shut_ && !broken_; }
  bool Chance(uint64_t one_in) { return (*context_->random)() % one_in == 0; }
  std::string NextToSend();
  Transfer::Notice AnyNotice();

  ClientContext* const context_;
  Spi* const spi_;
  const SOCKET socket_;
  const uint32_t number_;
  ConnectionRecord* const record_;
  Queue sends_;
  Queue receives_;
  uint64_t given_ = 0;
  uint64_t acked_ = 0;
  uint64_t got_ = 0;
  bool shut_ = false;
  bool saw_end_ = false;
  bool broken_ = false;  // a send was cancelled: who knows how far it got
  bool lost_ = false;
  bool over_ = false;
};

// A power of two at most `most`, and then anything up to it: small numbers come
// as often as large ones.
size_t AnySize(Random* random, size_t most);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_CLIENT_CONNECTION_H_
