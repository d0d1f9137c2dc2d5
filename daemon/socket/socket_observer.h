#ifndef WSPD_DAEMON_SOCKET_SOCKET_OBSERVER_H_
#define WSPD_DAEMON_SOCKET_SOCKET_OBSERVER_H_

#include <cstdint>

namespace wspd {

// A socket at one moment, in Linux's terms (poll(2)).
struct SocketState {
  // Whether the engine still has it; if not, nothing below is set.
  bool open = false;
  // Data, an end of the stream, an error, or a connection to accept.
  bool readable = false;
  // Room for data, and no send waits for it.
  bool writable = false;
  // Urgent data that was not received.
  bool urgent = false;
  // How many urgent bytes have come, as far as they are off the kernel's hands;
  // see Socket::CountUrgent().
  uint64_t urgent_bytes = 0;
  // The peer has shut down sending.
  bool read_ended = false;
  // Both directions have ended, or it was never connected.
  bool hung_up = false;
  // An error waits to be told of.
  bool failed = false;
  // A datagram that was sent has drawn "port unreachable", which no receive has
  // told of yet.
  bool unreachable = false;
  // Connections that were accepted so far, not counting again those that were
  // put back.
  uint64_t accepted = 0;
};

// Hears that a socket's state may have changed. See Socket::SetObserver().
class SocketObserver {
 public:
  virtual ~SocketObserver() = default;

  // Something has happened on the socket since the last call: look at it. Calls
  // come when what was waiting on the socket has had its part of it, on the
  // loop's thread or on that of the call that changed something, perhaps on
  // several at once, perhaps without reason, and one may still come after the
  // observer was taken off. With no lock of the engine held. Must not block.
  virtual void OnStateChange() = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_SOCKET_OBSERVER_H_
