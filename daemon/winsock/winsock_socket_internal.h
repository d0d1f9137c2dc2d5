#ifndef WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_INTERNAL_H_
#define WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_INTERNAL_H_

#include <cstdint>

#include "daemon/winsock/winsock_socket.h"

// What the files of WinsockSocket share; for nobody else.
namespace wspd {

// Bits of Operation::sink_flags.
enum : uint32_t {
  kOverlapped = 1,
  // accept: a condition function will decide.
  kConditional = 2,
  // receive: neither offset nor count change.
  kOutOfStream = 4,
};
// Operation::id of operations that belong to no call.
inline constexpr uint64_t kNoCall = 0;

template <typename Message>
bool WinsockSocket::Parse(const Call& call, Message* message) {
  if (message->ParseFromString(call.body.RemainingString())) return true;
  FinishError(call, kWsaInval);
  return false;
}

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_INTERNAL_H_
