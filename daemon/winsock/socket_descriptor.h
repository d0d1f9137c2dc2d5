#ifndef WSPD_DAEMON_WINSOCK_SOCKET_DESCRIPTOR_H_
#define WSPD_DAEMON_WINSOCK_SOCKET_DESCRIPTOR_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/base/owned_fd.h"
#include "daemon/socket/lingerer.h"
#include "daemon/socket/operation.h"
#include "daemon/winsock/call.h"
#include "daemon/winsock/network_event_recorder.h"
#include "daemon/winsock/socket_readiness.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

class WinsockSocket;

// One attachment's hold on a Winsock socket. Processes may share a socket, each
// by a descriptor of its own; the socket lives until the last one goes
// (reference, section 4.11). Calls come in by a descriptor, and what they have
// pending, and the results, are its own.
//
// Thread-safe. Results go to the sink, within Handle() or later.
class SocketDescriptor : public OperationSink,
                         public std::enable_shared_from_this<SocketDescriptor> {
 public:
  // `made_by` is the call in whose result the client hears of a socket that it
  // doesn't know yet, as one that was accepted; 0: it knows.
  SocketDescriptor(std::shared_ptr<WinsockSocket> socket,
                   std::shared_ptr<CallSink> sink, uint64_t socket_id,
                   uint64_t made_by = 0);
  ~SocketDescriptor() override;

  // Begins a call on the socket.
  void Handle(const Call& call);

  // Cancels a pending call, if it is still there.
  void Cancel(uint64_t call_id);

  // The final cleanup: everything pending here ends without a result; if no
  // other descriptor is left, a connection is reset whatever SO_LINGER says.
  void Abort();

  // Goes on with receives that were held back for kept results.
  void Poke();

  // Network events that are to be told by this descriptor; may be called with
  // the attachment's lock held.
  void TakeNotices(std::vector<NetworkNotice>* notices);
  // The last ones are to be told again; whether there are any.
  bool RepeatNotices();

  // What WSPSelect finds.
  SocketReadiness Readiness() const;

  // For listings: all but client, pid and uid.
  void Describe(bool with_tcp, wsp::v1::Socket* out) const;

  const std::shared_ptr<WinsockSocket>& socket() const { return socket_; }
  const std::shared_ptr<CallSink>& sink() const { return sink_; }
  uint64_t socket_id() const { return socket_id_; }
  uint64_t made_by() const { return made_by_; }
  // What the client may do by this socket.
  SocketAccess access() const;
  Lingerer::Owner owner() const { return sink_->OwnerOf(socket_id_); }

  // ---- for WinsockSocket

  // Where a send that didn't wait was cut short: sends from beyond there that
  // don't wait either are of somebody who doesn't know of it yet.
  uint64_t gap() const { return gap_.load(std::memory_order_relaxed); }
  void SetGap(uint64_t stream_offset) {
    gap_.store(stream_offset, std::memory_order_relaxed);
  }
  // A send of this offset was refused: no send goes on behind it until its
  // client goes on with that one.
  void RefuseSendsBehind(uint64_t stream_offset);
  bool refuses_behind_gap() const {
    return refuses_behind_gap_.load(std::memory_order_relaxed);
  }
  void ClearGap() {
    refuses_behind_gap_.store(false, std::memory_order_relaxed);
    SetGap(UINT64_MAX);
  }

  // From now on no operation begins here. False if that was so before.
  bool MarkClosed() { return !closed_.exchange(true); }

  // Keeps an accepted connection for a condition function's decision; errno.
  // `reserved`: it counts as one of the client's sockets already.
  int AddOffer(AcceptedConnection connection, bool reserved,
               uint64_t* offer_id);
  // Without a descriptor if there is no such offer.
  AcceptedConnection TakeOffer(uint64_t offer_id);
  // What nobody has decided about; no offer can be added any more.
  std::map<uint64_t, AcceptedConnection> TakeAllOffers();

  // OperationSink.
  void OnOutcome(std::unique_ptr<Operation> operation,
                 Outcome outcome) override;
  void OnParked(uint64_t operation_id) override;
  void Flush() override;
  bool MayReceive() const override { return sink_->MayReceive(); }
  bool MayAccept(const AcceptedConnection& connection) const override {
    return access().Accept(connection.peer, connection.fd.get()) == 0;
  }
  bool closed() const override { return closed_.load(); }

 private:
  // Connections that a condition function is deciding about, reserved with the
  // sink. Few sockets ever have any.
  struct Offers {
    std::map<uint64_t, AcceptedConnection> connections;
    uint64_t next = 1;
  };

  const std::shared_ptr<WinsockSocket> socket_;
  const std::shared_ptr<CallSink> sink_;
  const uint64_t socket_id_;
  const uint64_t made_by_;
  std::atomic<bool> closed_{false};
  std::atomic<uint64_t> gap_{UINT64_MAX};
  std::atomic<bool> refuses_behind_gap_{false};
  mutable absl::Mutex mu_;
  std::unique_ptr<Offers> offers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_SOCKET_DESCRIPTOR_H_
