#ifndef WSPD_DAEMON_WINSOCK_MESSAGE_FLAGS_H_
#define WSPD_DAEMON_WINSOCK_MESSAGE_FLAGS_H_

#include <cstdint>

namespace wspd {

// MSG_* as Winsock numbers them (reference, section 2).
inline constexpr uint32_t kMsgOob = 0x1;
inline constexpr uint32_t kMsgPeek = 0x2;
inline constexpr uint32_t kMsgDontRoute = 0x4;
inline constexpr uint32_t kMsgWaitAll = 0x8;
// Result flags of WSARecvMsg (reference, section 4.9).
inline constexpr uint32_t kMsgTrunc = 0x100;
inline constexpr uint32_t kMsgCtrunc = 0x200;
inline constexpr uint32_t kMsgBcast = 0x400;
inline constexpr uint32_t kMsgMcast = 0x800;

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_MESSAGE_FLAGS_H_
