#ifndef WSPD_CLIENT_STUB_TRANSPORT_READ_BATON_H_
#define WSPD_CLIENT_STUB_TRANSPORT_READ_BATON_H_

#include "client_stub/base/intrusive_list.h"
#include "client_stub/transport/waiter.h"

namespace wsp {

// Which waiting thread is woken by the connection: at most one, and always one
// while somebody waits. It costs no wake-up to pass it on.
//
// Whoever begins to wait takes the baton, since its answer is likely to come
// next; whoever has its answer passes it on to another that waits, else to the
// stub's own thread if that is wanted, and else keeps it, so that a program
// with one thread never passes anything.
//
// Not thread-safe: under the session lock.
class ReadBaton {
 public:
  // Waiters that the baton may hold on to; to be removed before they go.
  void Add(Waiter* waiter) { waiters_.PushBack(waiter); }
  void Remove(Waiter* waiter);

  // The connection to be watched from now on.
  void SetConnection(int fd);
  // Before the connection is closed.
  void DropConnection();

  // Between these two the waiter's thread waits, or is about to.
  void BeginWaiting(Waiter* waiter);
  void EndWaiting(Waiter* waiter);

  // The stub's own thread reads when nobody else does, if wanted.
  void SetService(Waiter* service) { service_ = service; }
  void WantService(bool wanted);

  // Whether to wake up also when the connection can be written to.
  void WantWrite(bool wanted);

  // Wakes all that wait, and the service: there is something new to wait for.
  void WakeAll();

  const Waiter* holder() const { return holder_; }
  // Whether some thread is woken by the connection.
  bool is_carried() const {
    return !waiting_.empty() ||
           (want_service_ && service_ != nullptr && holder_ == service_);
  }

 private:
  void GiveTo(Waiter* waiter);
  void PassOn();

  IntrusiveList<Waiter, InWaiters> waiters_;
  IntrusiveList<Waiter, InWaiting> waiting_;
  Waiter* service_ = nullptr;
  Waiter* holder_ = nullptr;
  int connection_ = -1;
  bool want_service_ = false;
  bool want_write_ = false;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_READ_BATON_H_
