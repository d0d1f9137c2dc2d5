#ifndef WSPD_CLIENT_STUB_SPI_NOTIFICATIONS_H_
#define WSPD_CLIENT_STUB_SPI_NOTIFICATIONS_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "client_stub/spi/library.h"

namespace wsp {

// The upcalls about network events: event objects are set and reset, messages
// posted, in the order in which that was asked for, one at a time and without
// the lock. Whichever thread comes by does it; others may wait for that.
//
// What isn't done when it is forgotten is never done, and who forgets may wait
// until what is just being done is over: so nothing comes late.
//
// Under g_library.mutex.
class Notifications {
 public:
  // Whom an upcall is for.
  struct Source {
    uint64_t socket_id = 0;
    uint64_t registration = 0;
  };

  void Set(const Source& source, WSAEVENT event);
  // WPUResetEvent, which is of a call and not forgotten. Its ticket.
  uint64_t Reset(WSAEVENT event);
  // A message more than kMostMessages is dropped, as a window drops what its
  // queue has no room for.
  void Post(const Source& source, HWND window, UINT message, WPARAM wparam,
            LPARAM lparam);

  // Forgets what is to be told of registrations of the socket's before this
  // one.
  void Forget(uint64_t socket_id, uint64_t before);
  void ForgetAll();

  // Whether there is something to do, and nobody is doing it.
  bool due() const { return next_ < queue_.size() && !running_; }
  bool IsDueUpTo(uint64_t last) const { return due() && over_ < last; }
  // The last ticket that was given.
  uint64_t asked() const { return asked_; }
  // Does it, with the table's functions, up to this ticket: no thread goes on
  // for ever while others ask for more. Unlocks.
  void Run(const WSPUPCALLTABLE& table, uint64_t last)
      WSP_REQUIRES(g_library.mutex);

  // These two return when it is done; at once on the thread that does it, which
  // is in an upcall then. Unlock.
  void AwaitTicket(const WSPUPCALLTABLE& table, uint64_t ticket)
      WSP_REQUIRES(g_library.mutex);
  // What is just being done for the socket.
  void AwaitSocket(uint64_t socket_id) WSP_REQUIRES(g_library.mutex);

  // Whether the reset with this ticket, which is done, failed.
  bool Failed(uint64_t ticket) const {
    return failed_[ticket % kRememberedFailures] == ticket;
  }

 private:
  // As Windows lets a window have.
  static constexpr size_t kMostMessages = 10000;
  // An event that is to be set already isn't set twice, once so many upcalls
  // wait that it is worth looking for.
  static constexpr size_t kMergeAbove = 256;
  // What is done is taken out of the queue, at the latest.
  static constexpr size_t kCompactAbove = 1024;
  static constexpr size_t kRememberedFailures = 16;

  enum class Kind : uint8_t { kForgotten, kSet, kReset, kPost };
  struct Item {
    Kind kind = Kind::kForgotten;
    Source source;
    WSAEVENT event = nullptr;
    HWND window = nullptr;
    UINT message = 0;
    WPARAM wparam = 0;
    LPARAM lparam = 0;
  };

  // Its ticket.
  uint64_t Append(const Item& item);
  bool WillBeSet(WSAEVENT event) const;
  bool IsRunner() const { return runner_ == &t_thread; }
  void RunOne(const WSPUPCALLTABLE& table) WSP_REQUIRES(g_library.mutex);

  // From `next_` on what is to be done.
  std::vector<Item> queue_;
  size_t next_ = 0;
  size_t messages_ = 0;
  // Tickets: how many upcalls were asked for, and how many of them are over.
  uint64_t asked_ = 0;
  uint64_t over_ = 0;

  bool running_ = false;
  const ThreadRecord* runner_ = nullptr;
  uint64_t running_for_ = 0;
  uint64_t failed_[kRememberedFailures] = {};
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_NOTIFICATIONS_H_
