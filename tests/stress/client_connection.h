#ifndef WSPD_TESTS_STRESS_CLIENT_CONNECTION_H_
#define WSPD_TESTS_STRESS_CLIENT_CONNECTION_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "tests/stress/client_context.h"
#include "tests/stress/ledger.h"
#include "tests/stress/transfer.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

// A connection of the provider, which keeps an exact account of its bytes: each
// sent one is the next of a pattern, each received one is compared. For the
// thread that made it.
class ClientConnection {
 public:
  // What was exchanged when it was made.
  struct First {
    size_t sent = 0;
    std::string received;
  };
  // What a call did in non-blocking mode.
  enum class Attempt { kDone, kWouldBlock, kFailed };

  // `s` is connected, and `record` the connection's number.
  ClientConnection(ClientContext* context, SOCKET s, uint32_t record,
                   const First& first);
  // Not while transfers are pending.
  ~ClientConnection();

  // One operation, any that makes sense. False once the connection is over:
  // closed, in one way or another, or cleaned up.
  bool DoSomething();

  // Closes it in any way.
  void Close();

  // ---- For others who make calls on its socket.

  // Before one, when the others are made: what is over is accounted for, what
  // can't go on is closed. False if it is over then.
  bool Prepare();
  bool SetNonBlocking(bool on);
  // In non-blocking mode, and if it may:
  Attempt TrySend();
  Attempt TryReceive();
  // What FD_CLOSE says.
  void HearOfClose(WsaCode code);
  void Fault(const std::string& what);

  SOCKET socket() const { return socket_; }
  bool over() const { return over_; }
  // Not to be closed next either.
  bool usable() const { return !over_ && !lost_ && !broken_; }
  bool may_send() const { return !shut_ && !broken_; }
  bool may_receive() const { return !saw_end_; }
  // With nothing pending that goes before.
  bool sends_alone() const { return may_send() && sends_.empty(); }
  bool receives_alone() const { return may_receive() && receives_.empty(); }
  bool heard_of_close() const { return heard_of_close_; }

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
  void SetOptions();
  void Duplicate();
  void ShutDown();
  void CloseHard();

  // What the front of a queue says, for as many as are over.
  void Settle();
  // Waits until all that were pending are over.
  void SettleAll(Queue* queue);
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
  bool Chance(uint64_t one_in) { return context_->Chance(one_in); }
  std::string NextToSend();
  Transfer::Notice AnyNotice();

  ClientContext* const context_;
  Spi* const spi_;
  SOCKET socket_;
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
  bool heard_of_close_ = false;
  bool over_ = false;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_CLIENT_CONNECTION_H_
