#ifndef WSPD_DAEMON_WINSOCK_STREAM_SOCKET_H_
#define WSPD_DAEMON_WINSOCK_STREAM_SOCKET_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/winsock/pending_accept.h"
#include "daemon/winsock/winsock_socket.h"

namespace wspd {

// A TCP socket by Winsock's rules. Thread-safe.
class StreamSocket final : public WinsockSocket {
 public:
  StreamSocket(std::shared_ptr<Socket> engine, int family,
               const Environment* environment);

  CallResult ResultOf(SocketDescriptor* from, const Operation& operation,
                      Outcome outcome) override;
  void ForgetWait(SocketDescriptor* from) override;
  int End(ForcedEnd how) override;
  void Describe(bool with_tcp, wsp::v1::Socket* out) const override;
  int Lend(uid_t uid, OwnedFd* fd) override;

  // OperationSink.
  void OnOutcome(std::unique_ptr<Operation> operation,
                 Outcome outcome) override;

 private:
  friend class PendingAccept;

  enum class State : uint8_t { kOpen, kListening, kConnecting, kConnected };
  // How a listener's socket properties pass to what it accepts.
  struct Inheritance {
    SocketOptions options;
    bool nonblocking;
    uint32_t creation_flags;
  };
  // A close that waits for its linger time.
  struct Closing {
    const SocketDescriptor* from;
    uint64_t call_id;
    // 0 as long as it isn't known.
    Lingerer::Key linger;
    NetAddress local;
    // Nobody wants to hear of it any more.
    bool forgotten;
  };

  // The AcceptEx calls of a listener.
  using PendingAccepts =
      absl::flat_hash_map<const PendingAccept*, std::shared_ptr<PendingAccept>>;

  // WinsockSocket.
  bool HandleOwn(const SocketCall& call) override;
  bool MayBindLocked() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FillViewLocked(SocketView* view) const override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool CloseWouldBlockLocked() const override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CancelWait(SocketDescriptor* from, uint64_t call_id) override;
  void FinishClose(const SocketCall& call, Remains remains) override;
  void FinishAbort(Remains remains, const Lingerer::Owner& owner) override;
  void FinishDrop(Remains remains, const Lingerer::Owner& owner) override;
  void ReleaseHoldings(SocketDescriptor* from, bool last) override;
  void OnWithdrawn(SocketDescriptor* from, const Operation& operation) override;
  void PokeHoldings() override;
  NetworkConditions ConditionsLocked() override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  SocketReadiness ReadinessLocked() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // One for each request of the wire; each ends the call or parks it.
  void Send(const SocketCall& call);
  void Receive(const SocketCall& call);
  void Listen(const SocketCall& call);
  void Accept(const SocketCall& call);
  void AcceptDecision(const SocketCall& call);
  void Connect(const SocketCall& call);
  void Shutdown(const SocketCall& call);
  void AcceptEx(const SocketCall& call, const wsp::v1::AcceptRequest& request);
  void DisconnectEx(const SocketCall& call);
  void NoteError(const SocketCall& call);
  // False if it sets another option than these of SO_UPDATE_..._CONTEXT.
  bool SetContext(const SocketCall& call);

  // Whether `error` is a connection's end.
  static bool IsConnectionLost(int error);
  // Of a connection that the client uses itself the kernel has the counts of
  // bytes, and when it was used.
  static void DescribeLent(const Socket& engine, wsp::v1::Socket* out);
  // The connection is lost, with a Winsock code and errno; the first loss
  // counts.
  void LoseLocked(uint32_t wsa, int error, absl::string_view reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The same since an administrator ends it.
  void LoseToAdministratorLocked(ForcedEnd how)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // `owner` of what lingers, with what the connection is lent as.
  Lingerer::Owner AsItIsLent(Lingerer::Owner owner) const;
  // Resets the connection and gives `fd` back, whoever else has it.
  void ResetRemains(OwnedFd fd, absl::string_view reason);

  // The error that sending or receiving would have; 0: none.
  uint32_t DataErrorLocked(bool shut) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether the connection has ended on the peer's side, or was lost; then the
  // error is on the books. `*unread`: something is still to be read.
  bool HasEndedLocked(const SocketState& state, bool* unread)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Of an end that HasEndedLocked() has found: whether it was no orderly one.
  bool IsLostLocked(const SocketState& state) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // After a connect that failed.
  void KeepBoundLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Goes on with an attempt that nobody waits for any more, to know how it
  // ends, also if its turn to begin hasn't come.
  void GoOnConnecting(const Operation& attempt);
  // After the shutdown of the receiving side: data that is queued, or comes,
  // resets the connection (reference, section 2, WSPShutdown).
  void AwaitUnwantedData();
  void ResetForUnwantedData();
  // ShutdownRequest.HOW_ABORT.
  void AbortConnection(const SocketCall& call);

  CallResult SendResult(SocketDescriptor* from, const Operation& operation,
                        const Outcome& outcome);
  CallResult ReceiveResult(const Operation& operation, Outcome outcome);
  CallResult AcceptResult(SocketDescriptor* from, const Operation& operation,
                          Outcome outcome);
  CallResult ConnectResult(const Operation& operation, const Outcome& outcome);
  CallResult DisconnectResult(SocketDescriptor* from,
                              const Operation& operation,
                              const Outcome& outcome);
  // Takes another kernel socket for the next connection; the present one
  // lingers. errno.
  int BecomeReusable(SocketDescriptor* from);
  NetAddress AddressToReuseLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  WsaError UpdateConnectContext();
  WsaError UpdateAcceptContext(SocketDescriptor* from, uint64_t listener_id);

  // ---- of AcceptEx; for PendingAccept

  // On the listener.
  void Forget(const PendingAccept* pending);
  // On the socket that accepts. False if it isn't free.
  bool ReserveForAccept(std::shared_ptr<PendingAccept> pending);
  void EndReservation(const PendingAccept* pending);
  // Gives it the connection that it was reserved for; of that `received` bytes
  // were received already. Returns errno, with the connection reset: ECANCELED
  // if the socket was closed.
  int TakeConnection(const PendingAccept* pending,
                     AcceptedConnection connection, uint64_t received);
  // False if there is no such AcceptEx.
  bool CancelAccept(const SocketDescriptor* from, uint64_t call_id);
  // Ends the AcceptEx calls that `from` has made, or is to be the connection
  // of.
  void EndAccepts(const SocketDescriptor* from, bool last);
  // The codes of an operation's error, by the state of the connection.
  CallResult ErrorResult(const Operation& operation, int error);
  // Makes an accepted connection a socket of `from`'s client, which hears of it
  // by the result of `call_id`; errno.
  int AddAccepted(SocketDescriptor* from, AcceptedConnection connection,
                  uint64_t socket_id, uint64_t call_id);
  // What an accepted connection holds of the listener's address.
  AddressTable::Hold AddressForAccepted() const;
  // Puts a connection back to be accepted again; it goes on counting as one of
  // the sockets of `sink`'s client, if not null.
  void PutBack(AcceptedConnection connection, std::shared_ptr<CallSink> sink);
  // For whom the connection counted that was just taken back out; may be null.
  std::shared_ptr<CallSink> TakeDeferred();

  // How a close ends the connection (reference, section 4.8): there is none, or
  // a reset, or it sends on for as long as the daemon lets it, or for `time`.
  enum class CloseKind { kNothing, kReset, kInBackground, kWithin };
  struct Closure {
    CloseKind kind;
    absl::Duration time = absl::ZeroDuration();
  };
  Closure ClosureNow() const ABSL_LOCKS_EXCLUDED(mu_);
  // Lingers for `time`, at whose end the call is answered.
  void LingerForCall(const SocketCall& call, Remains remains,
                     absl::Duration time);
  void AnswerClose(SocketDescriptor* from, uint64_t call_id, CallResult result);

  State state_ ABSL_GUARDED_BY(mu_) = State::kOpen;
  bool send_shut_ ABSL_GUARDED_BY(mu_) = false;
  bool receive_shut_ ABSL_GUARDED_BY(mu_) = false;
  // The last connect has ended, with a Winsock code. False for accepted ones.
  bool connect_ended_ ABSL_GUARDED_BY(mu_) = false;
  uint32_t connect_error_ ABSL_GUARDED_BY(mu_) = 0;
  // The Winsock code with which the connection was lost; 0: it was not. Stays,
  // where Linux says it once.
  uint32_t lost_ ABSL_GUARDED_BY(mu_) = 0;
  // By an administrator, in order: what was sent goes its way, however the
  // client ends it.
  bool concluded_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time connected_at_ ABSL_GUARDED_BY(mu_);
  // The connection was accepted, not made.
  bool accepted_ ABSL_GUARDED_BY(mu_) = false;
  // What the socket was bound to when ConnectEx began.
  NetAddress bound_to_ ABSL_GUARDED_BY(mu_);
  // For whom the connections count that the engine has back for the next
  // accept, in the engine's order.
  std::unique_ptr<std::vector<std::shared_ptr<CallSink>>> deferred_
      ABSL_GUARDED_BY(mu_);
  std::unique_ptr<Closing> closing_ ABSL_GUARDED_BY(mu_);
  // Of a listener; null for most.
  std::unique_ptr<PendingAccepts> pending_accepts_ ABSL_GUARDED_BY(mu_);
  // The AcceptEx whose connection this is to become.
  std::shared_ptr<PendingAccept> reserved_by_ ABSL_GUARDED_BY(mu_);
  // The listener of the AcceptEx whose connection this is; only to be compared.
  std::weak_ptr<WinsockSocket> listener_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_STREAM_SOCKET_H_
