#ifndef WSPD_DAEMON_LINUX_SOCKET_ENDS_H_
#define WSPD_DAEMON_LINUX_SOCKET_ENDS_H_

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/linux/sock_diag.h"

namespace wspd {

// Hears of the end of sockets. Called on the loop's thread, with no lock held.
class SocketEndObserver {
 public:
  virtual ~SocketEndObserver() = default;

  // A TCP or UDP socket of the network namespace is gone, with everything that
  // it still had to send. Of TCP, with its final counts.
  virtual void OnSocketEnded(const SocketReport& report) = 0;

  // There were more ends than the kernel keeps for a listener.
  virtual void OnEndsLost() = 0;
};

// Listens to the kernel's word on sockets that end, of whomever they are. As
// long as somebody listens the kernel makes a message for each.
//
// Thread-safe.
class SocketEnds : public EventHandler,
                   public std::enable_shared_from_this<SocketEnds> {
 public:
  // Ends that come when this has returned are told of: the first at once, those
  // that follow in groups, some milliseconds later. `loop` outlives the
  // listening.
  static absl::StatusOr<std::shared_ptr<SocketEnds>> Listen(
      EventLoop* loop, std::weak_ptr<SocketEndObserver> observer);

  // No new call begins after this.
  void Stop();

  void OnEvents(uint32_t events) override;

 private:
  SocketEnds(OwnedFd netlink, EventLoop* loop,
             std::weak_ptr<SocketEndObserver> observer)
      : netlink_(std::move(netlink)),
        loop_(loop),
        observer_(std::move(observer)) {}

  // Tells of what there is.
  void Read();
  void WatchAgain();

  const OwnedFd netlink_;
  EventLoop* const loop_;
  const std::weak_ptr<SocketEndObserver> observer_;
  absl::Mutex mu_;
  // 0: stopped.
  EventLoop::WatchId watch_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_SOCKET_ENDS_H_
