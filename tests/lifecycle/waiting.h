#ifndef WSPD_TESTS_LIFECYCLE_WAITING_H_
#define WSPD_TESTS_LIFECYCLE_WAITING_H_

#include <string>
#include <vector>

#include "tests/testing/endpoint.h"

namespace wspd::testing {

// The calls of the SPI that may be pending when a socket or all come to an end.
enum class Waiting {
  kRecv,
  kRecvFrom,  // of a datagram
  kSend,
  kSendTo,  // of a datagram
  kIoctl,   // for a change of the addresses
  kAcceptEx,
  kAcceptExData,  // has its connection, and waits for the first data
  kConnectEx,
  kConnectExData,  // has its connection, and waits for room for the first data
};

// How a call tells of its end, and whether it waits for that.
enum class Telling { kEvent, kRoutine, kPacket, kNeither, kBlocking };

inline const char* NameOf(Waiting waiting) {
  constexpr const char* kNames[] = {
      "Recv",     "RecvFrom",     "Send",      "SendTo",       "Ioctl",
      "AcceptEx", "AcceptExData", "ConnectEx", "ConnectExData"};
  return kNames[static_cast<int>(waiting)];
}

inline const char* NameOf(Telling telling) {
  constexpr const char* kNames[] = {"event", "routine", "packet", "neither",
                                    "blocking"};
  return kNames[static_cast<int>(telling)];
}

inline bool IsExtension(Waiting waiting) {
  return waiting >= Waiting::kAcceptEx;
}

// The ways that a call has: AcceptEx and ConnectEx have no routine.
inline std::vector<Telling> TellingsOf(Waiting waiting) {
  if (IsExtension(waiting)) {
    return {Telling::kEvent, Telling::kPacket, Telling::kNeither,
            Telling::kBlocking};
  }
  return {Telling::kEvent, Telling::kRoutine, Telling::kPacket,
          Telling::kNeither, Telling::kBlocking};
}

struct WaitingKind {
  Waiting waiting;
  Family family;
};

inline std::string NameOf(const WaitingKind& kind) {
  return std::string(NameOf(kind.waiting)) +
         (kind.family == Family::kIpv4 ? "Ipv4" : "Ipv6");
}

// All calls over both families. But changes of IPv6 addresses: every interface
// of a fresh network gets some by itself, after a while.
inline std::vector<WaitingKind> WaitingKinds() {
  std::vector<WaitingKind> kinds;
  for (int i = 0; i <= static_cast<int>(Waiting::kConnectExData); ++i) {
    const auto waiting = static_cast<Waiting>(i);
    kinds.push_back({waiting, Family::kIpv4});
    if (waiting == Waiting::kIoctl) continue;
    kinds.push_back({waiting, Family::kIpv6});
  }
  return kinds;
}

// What a datagram of a pending kSendTo is made of; those before it that fill
// the buffer are made of another byte.
constexpr char kPendingByte = 'p';
constexpr char kFillingByte = 'f';

}  // namespace wspd::testing

#endif  // WSPD_TESTS_LIFECYCLE_WAITING_H_
