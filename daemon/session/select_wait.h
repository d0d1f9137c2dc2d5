#ifndef WSPD_DAEMON_SESSION_SELECT_WAIT_H_
#define WSPD_DAEMON_SESSION_SELECT_WAIT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "daemon/event/event_loop.h"
#include "daemon/socket/socket_observer.h"
#include "daemon/winsock/call.h"
#include "daemon/winsock/socket_descriptor.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// A WSPSelect over any number of sockets (wsp.v1.SelectRequest).
//
// While it waits it is an observer of each of its sockets: when one changes,
// that one alone is looked at, however many there are. Only the end of the wait
// looks at all.
//
// Thread-safe once it has begun.
class SelectWait : public std::enable_shared_from_this<SelectWait> {
 public:
  // The descriptors of these ids, null for an unknown one.
  using Finder = std::function<std::vector<std::shared_ptr<SocketDescriptor>>(
      const std::vector<uint64_t>&)>;

  // Takes the sets of `request` and finds their sockets. Returns a Winsock
  // code.
  uint32_t Fill(const wsp::v1::SelectRequest& request, const Finder& find);

  // Sockets that it waits for.
  uint32_t size() const { return static_cast<uint32_t>(entries_.size()); }

  // Looks at all sockets. False: none is ready, `*result` is an empty one.
  bool Look(CallResult* result) const;

  // Waits. `on_change` is called when a socket has become ready, to Look();
  // perhaps within this call, perhaps several times at once and in vain, until
  // Claim() or Abandon().
  void Begin(std::function<void()> on_change);

  // Whether the caller, as the first and only one, ends the call. Only while it
  // waits.
  bool Claim();
  // Ends the wait for good, also one that has not quite begun. False if
  // somebody has ended it before.
  bool Abandon();

  // A timer that ends with the wait.
  void SetTimer(EventLoop* loop, EventLoop::TimerId timer);

 private:
  enum class State : uint8_t { kStarting, kWaiting, kEnded };
  enum Set : uint8_t { kRead, kWrite, kExcept, kOthers, kSets };

  // One socket, in whatever sets it is.
  struct Entry : SocketObserver {
    void OnStateChange() override { wait->OnChange(*this); }
    bool in(Set set) const { return (sets & (1u << set)) != 0; }

    SelectWait* wait = nullptr;
    uint64_t socket_id = 0;
    std::shared_ptr<SocketDescriptor> descriptor;
    uint32_t sets = 0;
  };
  // What an entry comes to.
  struct Finding {
    bool read = false;
    bool write = false;
    bool except = false;
    bool hung_up = false;
    bool failed = false;
    bool invalid = false;
    // Its end ends the call with WSAENOTSOCK.
    bool not_socket = false;

    bool ready() const {
      return read || write || except || hung_up || failed || invalid ||
             not_socket;
    }
  };

  Finding LookAt(const Entry& entry) const;
  static uint32_t EventsOf(const Entry& entry);
  void OnChange(const Entry& entry);
  // Takes the observers off, and the timer.
  void Withdraw();

  bool poll_ = false;
  std::vector<Entry> entries_;
  // The entries of each set, in the order of the request.
  std::vector<uint32_t> sets_[kSets];
  std::atomic<State> state_{State::kStarting};
  std::function<void()> on_change_;
  EventLoop* loop_ = nullptr;
  std::atomic<EventLoop::TimerId> timer_{0};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_SELECT_WAIT_H_
