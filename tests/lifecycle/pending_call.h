#ifndef WSPD_TESTS_LIFECYCLE_PENDING_CALL_H_
#define WSPD_TESTS_LIFECYCLE_PENDING_CALL_H_

#include <string>

#include "client_stub/spi_client/completion_port.h"
#include "tests/lifecycle/waiting.h"
#include "tests/testing/extensions.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

// The provider's side of a call that will wait, on a socket of its own; the
// other side is PendingPeers. It has to live until the call is over.
//
// First Prepare, then PendingPeers::Meet, then Call, then
// PendingPeers::MeetCall, then AwaitMet.
class PendingCall {
 public:
  PendingCall(Spi* spi, Waiting waiting, Family family, Telling telling);
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;

  Telling telling() const { return telling_; }
  bool blocks() const { return telling_ == Telling::kBlocking; }

  // Makes the sockets, in a state in which the call waits. `peer` is
  // PendingPeers::endpoint().
  void Prepare(const Endpoint& peer);

  // Where the other side finds the socket.
  const Endpoint& own() const { return own_; }

  // The call: kPending or, if it blocks, what it ended with. The thread is that
  // which a routine runs in.
  WsaCode Call();

  // Waits until the call has what MeetCall has given it, and goes on waiting.
  void AwaitMet();

  // WSPCloseSocket of the socket that the call was made on.
  WsaCode Close() { return spi_->Close(socket_); }

  // The state of a call that doesn't block.
  bool is_pending() const { return transfer_.is_pending(); }
  DWORD error() const { return transfer_.error(); }
  ULONG_PTR status() const { return transfer_.status(); }
  bool event_is_set() const { return event_.IsSet(); }
  int routines() const { return transfer_.routines; }
  // Takes the packets that have come to the socket's port so far; how many
  // there were since the beginning.
  int TakePackets();
  DWORD packet_error() const { return packet_error_; }
  DWORD routine_error() const { return transfer_.routine_error; }

 private:
  struct Transfer : Operation {
    int routines = 0;
    DWORD routine_error = 0;
  };

  static void CALLBACK CountRoutine(DWORD error, DWORD bytes,
                                    LPWSAOVERLAPPED overlapped, DWORD flags);

  void MakeSockets(const Endpoint& peer);
  void PrepareSend();
  void PrepareSendTo();
  // A listener, or a bound socket, which isn't for overlapped calls if the call
  // is to block: these two extension functions have no other way.
  void PrepareAccept();
  void PrepareConnect(const Endpoint& peer);
  WsaCode CallTransfer(LPWSAOVERLAPPED overlapped,
                       LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);
  WsaCode CallAcceptEx();
  WsaCode CallConnectEx();

  Spi* const spi_;
  const Waiting waiting_;
  const Family family_;
  const Telling telling_;
  SOCKET socket_ = INVALID_SOCKET;
  // Of AcceptEx.
  SOCKET accepting_ = INVALID_SOCKET;
  Endpoint own_;
  // The peer's; of RecvFrom the sender's.
  SocketAddress name_;
  Transfer transfer_;
  Event event_;
  spi_client::CompletionPort port_;
  int packets_ = 0;
  DWORD packet_error_ = 0;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_LIFECYCLE_PENDING_CALL_H_
