#ifndef WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_ROUTES_H_
#define WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_ROUTES_H_

#include <stddef.h>
#include <stdint.h>

#include "proto/relay_wire.h"

// Where this process's datagrams have gone: a datagram that goes by the
// program's end of a relayed socket can't return the real one's errno
// (EACCES, ENETUNREACH, EMSGSIZE, ...), so that the first one to each
// destination, and each that is longer than those before, is sent by asking the
// daemon. A fixed table that forgets; what it has forgotten is asked again.
//
// Thread-safe and async-signal-safe, without a lock; a forked child may use
// what it has of its parent's.
namespace wsp {

// A socket, a destination and the control block that goes with it, for a while.
class DatagramRoute {
 public:
  DatagramRoute(uint64_t number, const relay::Address& destination,
                const void* control, size_t control_bytes);

  // Whether datagrams of so many bytes have gone there.
  bool Admits(size_t bytes) const;
  // They have.
  void Admit(size_t bytes) const;

 private:
  uint64_t hash_;
};

// Something of the socket has changed, its peer or an option: all is asked
// again.
void ForgetDatagramRoutes(uint64_t number);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_DATAGRAM_ROUTES_H_
