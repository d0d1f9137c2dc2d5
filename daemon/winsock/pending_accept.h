#ifndef WSPD_DAEMON_WINSOCK_PENDING_ACCEPT_H_
#define WSPD_DAEMON_WINSOCK_PENDING_ACCEPT_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/socket/net_address.h"
#include "daemon/socket/operation.h"
#include "daemon/socket/socket.h"
#include "daemon/winsock/call.h"
#include "daemon/winsock/socket_descriptor.h"

namespace wspd {

class StreamSocket;

// An AcceptEx (reference, section 4.9) from its beginning to its result: waits
// for a connection, then for its first data if the caller wants some, and makes
// it the connection of a socket that was there before. Until then that socket
// has nothing to do with it, but for being reserved.
//
// Belongs to the listener, which knows it from before Start() to its result,
// and to the operation that it waits with. Thread-safe; calls sockets and sinks
// with no lock held.
class PendingAccept final : public OperationSink,
                            public std::enable_shared_from_this<PendingAccept> {
 public:
  struct Arguments {
    uint64_t call_id = 0;
    bool report_pending = false;
    // Of the first data; 0: they aren't waited for.
    size_t max_bytes = 0;
    bool no_address_room = false;
  };

  // What becomes of a connection that waits for its first data, if this ends.
  enum class Ending { kPutBack, kReset };

  // Both are descriptors of StreamSockets.
  PendingAccept(std::shared_ptr<SocketDescriptor> listener,
                std::shared_ptr<SocketDescriptor> accepting,
                const Arguments& arguments);

  // The result may come before this returns.
  void Start();

  // Instead of Start(): ends the call with `error`, an errno, unless End() has
  // ended it.
  void Refuse(int error);

  // Ends the call as aborted, unless its result is on the way.
  void End(Ending ending);

  // Goes on with a receive that was held back for kept results.
  void Poke();

  const SocketDescriptor* listener() const { return listener_.get(); }
  const SocketDescriptor* accepting() const { return accepting_.get(); }
  uint64_t call_id() const { return arguments_.call_id; }
  // When the connection came that waits for its first data; InfiniteFuture as
  // long as there is none.
  absl::Time connected_at() const;

  // OperationSink.
  void OnOutcome(std::unique_ptr<Operation> operation,
                 Outcome outcome) override;
  void OnParked(uint64_t operation_id) override;
  void Flush() override { listener_->Flush(); }
  bool MayReceive() const override { return listener_->MayReceive(); }
  bool MayAccept(const AcceptedConnection& connection) const override {
    return listener_->MayAccept(connection);
  }
  bool closed() const override { return listener_->closed(); }

 private:
  std::unique_ptr<Operation> NewOperation(Operation::Kind kind);
  void OnConnection(Outcome outcome);
  void OnFirstData(Outcome outcome);
  // After Claim(): gives the connection to the socket that accepts it.
  void Deliver(AcceptedConnection connection, std::shared_ptr<Bytes> data);
  void PutBack(AcceptedConnection connection);

  bool ending() const;
  // Whether this is the first to end the call: whoever is says the result.
  bool Claim();
  // Neither of the two sockets has to do with it any more.
  void Release();
  // The codes of an errno that the call ends with.
  static CallResult ErrorResult(int error);
  void Finish(CallResult result);
  void FinishWith(int error);

  StreamSocket* listening_socket() const;
  StreamSocket* accepting_socket() const;

  const std::shared_ptr<SocketDescriptor> listener_;
  const std::shared_ptr<SocketDescriptor> accepting_;
  const Arguments arguments_;

  mutable absl::Mutex mu_;
  // The result is on the way.
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  // End() was called.
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  Ending ending_as_ ABSL_GUARDED_BY(mu_) = Ending::kReset;
  // The connection that waits for its first data, and whose it is.
  std::shared_ptr<Socket> connection_ ABSL_GUARDED_BY(mu_);
  NetAddress peer_ ABSL_GUARDED_BY(mu_);
  absl::Time connected_at_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_PENDING_ACCEPT_H_
