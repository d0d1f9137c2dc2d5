#ifndef WSPD_DAEMON_POLICY_ACTION_H_
#define WSPD_DAEMON_POLICY_ACTION_H_

#include <cstdint>

namespace wspd {

// What a rule may be about, and what a client wants to do: the numbers of
// Policy.Action in proto/wspd/config.proto.
enum class Action : uint8_t {
  // To the peer's address. Of datagram sockets, too, which then also need
  // kSend.
  kConnect = 1,
  // To a local address, port 0 for one that the kernel chooses.
  kBind = 2,
  // At a local address.
  kListen = 3,
  // From the peer's address, at the local port.
  kAccept = 4,
  // A datagram, to an address.
  kSend = 5,
  // A name, or the name of an address.
  kResolve = 6,
  // To make a raw socket, which nobody gets. It would be at all addresses of
  // its family.
  kRaw = 7,
  // What takes a right that no rule gives: an option, ICMP echoes. No rule is
  // about it; what is refused is told.
  kPrivilege = 8,
};

// Of those that rules are about, and of all.
inline constexpr int kRuleActions = 8;
inline constexpr int kActions = 9;

using ActionMask = uint32_t;

constexpr ActionMask MaskOf(Action action) {
  return uint32_t{1} << static_cast<uint32_t>(action);
}

inline constexpr ActionMask kAllActions =
    ((uint32_t{1} << kRuleActions) - 1) & ~uint32_t{1};

// "connect", "bind" and so on, for logs and listings.
const char* ActionName(Action action);

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_ACTION_H_
