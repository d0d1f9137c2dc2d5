#ifndef WSPD_DAEMON_SESSION_DESCRIPTOR_SINK_H_
#define WSPD_DAEMON_SESSION_DESCRIPTOR_SINK_H_

#include <cstdint>

namespace wspd {

// The descriptor connection of an attachment, as the session layer sees it
// (proto/README.md, "Descriptors"). Thread-safe.
class DescriptorSink {
 public:
  virtual ~DescriptorSink() = default;

  // Gives the client a descriptor of its own for `fd`, which stays the
  // caller's. Never blocks. Returns errno: ENOBUFS if the client doesn't read,
  // ENOTCONN if the connection has ended, or the kernel's.
  virtual int SendDescriptor(uint64_t call_id, uint64_t cookie, int fd) = 0;

  // Reads what the client has sent and is still unread, up to some hundred
  // messages, also after Close(). On the thread of the control loop.
  virtual void ReadOn() = 0;

  // Ends the connection. May be called often; what has come can still be read.
  virtual void Close() = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_DESCRIPTOR_SINK_H_
