#ifndef WSPD_DAEMON_RELAY_DATAGRAM_MESSAGE_H_
#define WSPD_DAEMON_RELAY_DATAGRAM_MESSAGE_H_

#include <cstddef>

#include "daemon/socket/net_address.h"
#include "proto/relay_wire.h"

namespace wspd {

// A datagram as the program's end of a relayed socket has sent it, in its
// message: wsp::relay::DatagramHeader, a control block, the payload.
struct DatagramMessage {
  // Empty: to the connected peer.
  NetAddress to;
  // MSG_*, of kDatagramSendFlags.
  int flags = 0;
  char* control = nullptr;
  size_t control_bytes = 0;
  char* payload = nullptr;
  size_t payload_bytes = 0;
};

// What a sender may say of a datagram.
extern const int kDatagramSendFlags;

// The longest message that there is.
inline constexpr size_t kMostMessageBytes = sizeof(wsp::relay::DatagramHeader) +
                                            wsp::relay::kMaxControlBytes +
                                            wsp::relay::kMaxDatagramBytes;

// Reads a message, which may say anything; what is found points into it.
// Returns errno: EINVAL (a size, a family, a flag that there isn't), or what
// CheckControl says.
int ReadDatagram(char* message, size_t bytes, DatagramMessage* datagram);

// Whether a control block may go with a datagram of a program that has no
// privilege: cmsghdrs, any alignment. Returns errno, as the kernel would have
// it: EINVAL (lengths that don't fit, or a kind of message that isn't passed
// on), EPERM (one that needs a privilege, which the daemon may have).
int CheckControl(const char* control, size_t bytes);

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_DATAGRAM_MESSAGE_H_
