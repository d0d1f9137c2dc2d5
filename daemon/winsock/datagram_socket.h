#ifndef WSPD_DAEMON_WINSOCK_DATAGRAM_SOCKET_H_
#define WSPD_DAEMON_WINSOCK_DATAGRAM_SOCKET_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "daemon/winsock/winsock_socket.h"

namespace wspd {

// A UDP socket by Winsock's rules (reference, sections 2, 4.12 and 5.2).
// Thread-safe.
class DatagramSocket final : public WinsockSocket {
 public:
  DatagramSocket(std::shared_ptr<Socket> engine, int family,
                 const Environment* environment);

  CallResult ResultOf(SocketDescriptor* from, const Operation& operation,
                      Outcome outcome) override;
  void ForgetWait(SocketDescriptor* /*from*/) override {}
  int End(ForcedEnd how) override;
  int Lend(uid_t uid, OwnedFd* fd) override;
  void Describe(bool with_tcp, wsp::v1::Socket* out) const override;

  // OperationSink; nothing is ever pending without a call.
  void OnOutcome(std::unique_ptr<Operation> /*operation*/,
                 Outcome /*outcome*/) override {}

 private:
  // A message to be sent, as the wire has it.
  struct Message {
    uint64_t flags = 0;
    bool has_address = false;
    NetAddress address;
    std::unique_ptr<std::string> control;
    WireReader data;
  };

  // WinsockSocket.
  bool HandleOwn(const SocketCall& call) override;
  bool MayBindLocked() const override { return true; }
  void FillViewLocked(SocketView* /*view*/) const override {}
  void OptionsChangedLocked() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool CloseWouldBlockLocked() const override { return false; }
  void CancelWait(SocketDescriptor* /*from*/, uint64_t /*call_id*/) override {}
  void FinishClose(const SocketCall& call, Remains remains) override;
  void FinishAbort(Remains remains, const Lingerer::Owner& /*owner*/) override {
    GiveUp(std::move(remains));
  }
  void FinishDrop(Remains remains, const Lingerer::Owner& /*owner*/) override {
    GiveUp(std::move(remains));
  }
  void ReleaseHoldings(SocketDescriptor* /*from*/, bool /*last*/) override {}
  NetworkConditions ConditionsLocked() override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  SocketReadiness ReadinessLocked() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // One for each request of the wire; each ends the call or parks it.
  void Send(const SocketCall& call);
  void SendTo(const SocketCall& call);
  void Receive(const SocketCall& call);
  void ReceiveFrom(const SocketCall& call);
  void Connect(const SocketCall& call);
  void Shutdown(const SocketCall& call);
  void JoinLeaf(const SocketCall& call);
  void NoteError(const SocketCall& call);

  // The engine's, once ICMP errors and datagrams that no receive would give are
  // out of the way.
  SocketState LookLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  WsaError ReadMessage(const SocketCall& call, Message* message) const;
  // Where a message goes; an empty address: to the kernel's own peer.
  WsaError AimLocked(const SocketCall& call, bool to_named, Message* message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SubmitSend(const SocketCall& call, bool to_named, Message message);
  void SubmitReceive(const SocketCall& call, uint64_t max_bytes, uint64_t flags,
                     bool named, bool want_control);
  // Binds the socket to any address and a port of its own, if it isn't bound.
  WsaError EnsureBoundLocked(const SocketCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  WsaError ConnectLocked(const SocketCall& call, const NetAddress& address)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  WsaError DisconnectLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  CallResult SendResult(const Operation& operation, const Outcome& outcome);
  CallResult ReceiveResult(const Operation& operation, Outcome outcome);

  bool send_shut_ ABSL_GUARDED_BY(mu_) = false;
  bool receive_shut_ ABSL_GUARDED_BY(mu_) = false;
  // peer_ is a group to send to, which the kernel's socket isn't connected to:
  // it would get nothing then.
  bool peer_is_group_ ABSL_GUARDED_BY(mu_) = false;
  // The kernel says with each datagram how it came.
  bool brings_control_ ABSL_GUARDED_BY(mu_) = false;
  // What is left of one that is lent is its user's before anybody else may have
  // the port: the client may go on with the descriptor that it has.
  void GiveUp(Remains remains);

  // Whose client has it, if it is lent.
  uid_t lent_to_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_DATAGRAM_SOCKET_H_
