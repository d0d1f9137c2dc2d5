#ifndef WSPD_DAEMON_NETWORK_CHANGE_MONITOR_H_
#define WSPD_DAEMON_NETWORK_CHANGE_MONITOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"

namespace wspd {

// What has changed in the daemon's network namespace; bits.
enum NetworkChange : uint32_t {
  // The addresses of interfaces that are up, without the loopback ones.
  kIpv4AddressesChanged = 1,
  kIpv6AddressesChanged = 2,
  // Something that may have to do with where packets go, and from which
  // address: routes, addresses, interfaces.
  kIpv4RoutesChanged = 4,
  kIpv6RoutesChanged = 8,
};

// Hears of changes. See ChangeMonitor.
class ChangeObserver {
 public:
  virtual ~ChangeObserver() = default;

  // `changes` are bits of NetworkChange, among them some that were asked for.
  // Called on the thread of an event loop, with no lock held. Changes that come
  // in one go are told of once. Must not block. A call that had begun when the
  // observer was taken off may still run.
  virtual void OnNetworkChange(uint32_t changes) = 0;
};

// Tells of changes of the network namespace, as the kernel does by rtnetlink.
// As long as nobody observes it has neither a descriptor nor work.
//
// Thread-safe.
class ChangeMonitor : public EventHandler,
                      public std::enable_shared_from_this<ChangeMonitor> {
 public:
  static std::shared_ptr<ChangeMonitor> Create();

  // From now on `observer` hears of `changes`, instead of what it heard of
  // before. `loop`, which has to outlive the observer's time, is where the
  // kernel is listened to if nobody observes yet. Returns errno.
  int Observe(const std::shared_ptr<ChangeObserver>& observer, uint32_t changes,
              EventLoop* loop);

  // Ignored if it doesn't observe.
  void StopObserving(const ChangeObserver* observer);

  void OnEvents(uint32_t events) override;

 private:
  struct Entry {
    const ChangeObserver* key;
    std::weak_ptr<ChangeObserver> observer;
    uint32_t changes;
  };

  ChangeMonitor() = default;

  int StartLocked(EventLoop* loop) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StopLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Reads all that the kernel has to say.
  uint32_t ReadChangesLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Of the address lists, those that aren't what they were.
  uint32_t CompareAddressesLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Mutex mu_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mu_);
  EventLoop* loop_ ABSL_GUARDED_BY(mu_) = nullptr;
  OwnedFd netlink_ ABSL_GUARDED_BY(mu_);
  EventLoop::WatchId watch_ ABSL_GUARDED_BY(mu_) = 0;
  // The lists as they were last looked at, IPv4's and IPv6's, as bytes.
  std::string addresses_[2] ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_NETWORK_CHANGE_MONITOR_H_
