#ifndef WSPD_DAEMON_WINSOCK_CHANGE_WAITS_H_
#define WSPD_DAEMON_WINSOCK_CHANGE_WAITS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/event/event_loop.h"
#include "daemon/network/change_monitor.h"
#include "daemon/socket/net_address.h"
#include "daemon/winsock/socket_call.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// Whether an ioctl ends when the network changes: SIO_ADDRESS_LIST_CHANGE,
// SIO_ROUTING_INTERFACE_CHANGE (reference, section 4.9).
bool IsChangeIoctl(uint32_t code);

// The requests of one socket to be told when the network has changed: calls
// that wait, and those that were answered WSAEWOULDBLOCK and become network
// events instead (section 4.5). Each has its price at every change, so that of
// the calls that wait there are at most kMostWaiting, and of a client's
// requests on all its sockets as many as it may have (proto/README.md).
//
// Thread-safe. Results go to the call's sink, with no lock held.
class ChangeWaits : public ChangeObserver,
                    public std::enable_shared_from_this<ChangeWaits> {
 public:
  static constexpr int kMostWaiting = 16;

  // `on_event` hears, with no lock held, of FD_ADDRESS_LIST_CHANGE and
  // FD_ROUTING_INTERFACE_CHANGE that are due. `monitor` and `loop` outlive the
  // requests.
  ChangeWaits(std::shared_ptr<ChangeMonitor> monitor, EventLoop* loop,
              int family, std::function<void(uint32_t event)> on_event);
  ~ChangeWaits() override;

  // Does a change ioctl: keeps the call if it `waits`; else it is answered
  // WSAEWOULDBLOCK, and replaces what such a call has asked for before.
  // WSAENOBUFS if there are too many requests.
  void Begin(const SocketCall& call, const wsp::v1::IoctlRequest& request,
             bool waits);

  // Ends a waiting call of `from`; false if there is none.
  bool Cancel(const SocketDescriptor* from, uint64_t call_id);

  // Ends the waiting calls of `from`, which is marked closed; without a result
  // if `silently`. If it was the `last` descriptor nothing is left.
  void Withdraw(const SocketDescriptor* from, bool last, bool silently);

  // Calls that wait.
  int waiting() const;

  // ChangeObserver.
  void OnNetworkChange(uint32_t changes) override;

 private:
  struct Request {
    // Of all requests that were kept, which one it is.
    uint64_t number;
    // Null: it becomes an event.
    std::shared_ptr<SocketDescriptor> from;
    uint64_t call_id;
    bool overlapped;
    // Bits of NetworkChange that may end it.
    uint32_t changes;
    // FD_*.
    uint32_t event;
    // Of SIO_ROUTING_INTERFACE_CHANGE: where packets would go, and what
    // SIO_ROUTING_INTERFACE_QUERY said then; no source without a route.
    NetAddress destination;
    NetAddress source;
    // That it counts as one of its client's.
    std::shared_ptr<void> share;
  };

  // Where packets of a request would go from now.
  struct Source {
    uint64_t number;
    NetAddress destination;
    NetAddress address;
  };

  WsaError MakeRequest(const SocketCall& call,
                       const wsp::v1::IoctlRequest& request,
                       Request* made) const;
  // Of the requests that `changes` may end, in their order.
  std::vector<Source> FindSources(uint32_t changes) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // Whether what a request is about is not what it was. One that isn't among
  // `sources` came after the changes.
  static bool IsDue(const Request& request, uint32_t changes,
                    const std::vector<Source>& sources);
  static void FinishCancelled(const Request& request);
  // Takes out those for which `match` is true.
  template <typename Match>
  std::vector<Request> Take(Match match) ABSL_LOCKS_EXCLUDED(mu_);
  // The index of the request that becomes `event`; their number if there is
  // none.
  size_t FindEventLocked(uint32_t event) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Keeps a request that counts by its share; a Winsock code.
  WsaError KeepLocked(Request request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Observes what is left to be observed.
  int ObserveLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int WaitingLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::shared_ptr<ChangeMonitor> monitor_;
  EventLoop* const loop_;
  const int family_;
  const std::function<void(uint32_t event)> on_event_;
  mutable absl::Mutex mu_;
  uint64_t next_number_ ABSL_GUARDED_BY(mu_) = 0;
  // Oldest first.
  std::vector<Request> requests_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_CHANGE_WAITS_H_
