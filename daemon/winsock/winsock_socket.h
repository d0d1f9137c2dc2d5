#ifndef WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_H_
#define WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/socket/lingerer.h"
#include "daemon/socket/operation.h"
#include "daemon/socket/socket.h"
#include "daemon/winsock/call.h"
#include "daemon/winsock/socket_options.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// A socket as Winsock knows it: Winsock's states, checks and error codes over
// the engine's Linux socket. The rules are those of the SPI reference, sections
// 2, 4.7, 4.8, 4.12 and 5.2.
//
// Thread-safe. Results go to the sink, within Handle() or later.
class WinsockSocket : public OperationSink,
                      public std::enable_shared_from_this<WinsockSocket> {
 public:
  // What sockets need from the daemon; outlives them.
  struct Environment {
    explicit Environment(Lingerer* its_lingerer) : lingerer(its_lingerer) {}

    Lingerer* const lingerer;
    // Of all sockets, for listings.
    mutable std::atomic<uint64_t> bytes_sent{0};
    mutable std::atomic<uint64_t> bytes_received{0};
  };

  // Makes a socket; errno on failure.
  // `type` and `protocol` were checked by the caller: TCP.
  static int Create(int family, EventLoop* loop, const Environment* environment,
                    std::shared_ptr<CallSink> sink, uint64_t socket_id,
                    std::shared_ptr<WinsockSocket>* socket);

  // Begins a call on this socket.
  void Handle(const Call& call);

  // Cancels a pending call, if it is still there.
  void Cancel(uint64_t call_id);

  // The final cleanup: everything pending ends without a result, and a
  // connection is reset whatever SO_LINGER says.
  void Abort();

  // Goes on with receives that were held back for kept results.
  void Poke() { socket_->Poke(); }

  // For listings: all but client, pid and uid.
  void Describe(wsp::v1::Socket* out) const;

  // OperationSink.
  void OnOutcome(std::unique_ptr<Operation> operation,
                 Outcome outcome) override;
  void OnParked(uint64_t operation_id) override;
  void Flush() override;
  bool MayReceive() const override;

 private:
  enum class State : uint8_t { kOpen, kListening, kConnecting, kConnected };
  // How a listener's socket properties pass to what it accepts.
  struct Inheritance {
    SocketOptions options;
    bool nonblocking;
  };

  WinsockSocket(std::shared_ptr<Socket> socket, int family,
                const Environment* environment, std::shared_ptr<CallSink> sink,
                uint64_t socket_id);

  // One for each request of the wire; each ends the call or parks it.
  void Send(const Call& call);
  void Receive(const Call& call);
  void Bind(const Call& call);
  void Listen(const Call& call);
  void Accept(const Call& call);
  void AcceptDecision(const Call& call);
  void Connect(const Call& call);
  void Shutdown(const Call& call);
  void Close(const Call& call);
  void GetSockName(const Call& call);
  void GetPeerName(const Call& call);
  void GetSockOpt(const Call& call);
  void SetSockOpt(const Call& call);
  void Ioctl(const Call& call);

  // The error that sending or receiving would have; 0: none.
  uint32_t DataErrorLocked(bool shut) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::unique_ptr<Operation> NewOperation(const Call& call,
                                          Operation::Kind kind)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Waits for a connect that nobody waits for any more, to know how it ends.
  void AwaitConnect();
  // After the shutdown of the receiving side: data that is queued, or comes,
  // resets the connection (reference, section 2, WSPShutdown).
  void AwaitUnwantedData();
  void ResetForUnwantedData();

  CallResult SendResult(const Operation& operation, const Outcome& outcome);
  CallResult ReceiveResult(const Operation& operation, Outcome outcome);
  CallResult AcceptResult(const Operation& operation, Outcome outcome);
  CallResult ConnectResult(const Operation& operation, const Outcome& outcome);
  // The codes of an operation's error, by the state of the connection.
  CallResult ErrorResult(const Operation& operation, int error);
  // Keeps an accepted connection for a condition function's decision; errno.
  int AddOffer(OwnedFd fd, bool reserved, uint64_t* offer_id);
  // Resets what nobody has decided about when the listener is closed.
  void DropOffers();
  // Makes an accepted connection a socket of the client; errno.
  int AddAccepted(OwnedFd fd, const NetAddress& peer, uint64_t socket_id);

  void FinishError(const Call& call, WsaError error);
  template <typename Message>
  bool Parse(const Call& call, Message* message);
  // Lingers for `time`, at whose end `call_id` is answered.
  void LingerForCall(OwnedFd fd, uint64_t call_id, absl::Duration time);
  void FinishClose(uint64_t call_id, CallResult result);
  // Ends the pending operations of a closed socket.
  void FinishAborted(std::vector<std::unique_ptr<Operation>> operations);

  const std::shared_ptr<Socket> socket_;
  const Environment* const environment_;
  const std::shared_ptr<CallSink> sink_;
  const uint64_t socket_id_;
  const int family_;
  const absl::Time opened_at_;
  std::atomic<uint64_t> bytes_sent_{0};

  mutable absl::Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_) = State::kOpen;
  bool bound_ ABSL_GUARDED_BY(mu_) = false;
  bool nonblocking_ ABSL_GUARDED_BY(mu_) = false;
  bool send_shut_ ABSL_GUARDED_BY(mu_) = false;
  bool receive_shut_ ABSL_GUARDED_BY(mu_) = false;
  // The Winsock code with which the connection was lost; 0: it was not. Stays,
  // where Linux says it once.
  uint32_t lost_ ABSL_GUARDED_BY(mu_) = 0;
  uint32_t so_error_ ABSL_GUARDED_BY(mu_) = 0;
  // Where a connect went or an accept came from, kept beyond the connection.
  NetAddress peer_ ABSL_GUARDED_BY(mu_);
  absl::Time connected_at_ ABSL_GUARDED_BY(mu_);
  SocketOptions options_ ABSL_GUARDED_BY(mu_);
  // Connections that a condition function is deciding about. These and the
  // deferred ones are reserved with the sink.
  std::unique_ptr<std::map<uint64_t, OwnedFd>> offers_ ABSL_GUARDED_BY(mu_);
  // How many connections the engine has back for the next accept.
  uint32_t deferred_ ABSL_GUARDED_BY(mu_) = 0;
  // No connection can be offered or deferred any more.
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t next_offer_ ABSL_GUARDED_BY(mu_) = 1;
  // A close that waits for its linger time.
  struct Closing {
    uint64_t call_id;
    Lingerer::Key linger;
    NetAddress local;
  };
  absl::optional<Closing> closing_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_H_
