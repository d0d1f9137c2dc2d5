#ifndef WSPD_TESTS_PRELOAD_BEHAVIOUR_PEER_REQUEST_H_
#define WSPD_TESTS_PRELOAD_BEHAVIOUR_PEER_REQUEST_H_

#include <cstdint>

namespace wspd::preload {

// Names the peer process' AF_UNIX SOCK_SEQPACKET socket to the body.
inline constexpr char kPeerVariable[] = "WSPD_PRELOAD_PEER";

// A connection carries one request, the arguments of socket(2), and its answer:
// errno, and if that is 0 the socket by SCM_RIGHTS.
struct PeerRequest {
  int32_t family;
  int32_t type;
  int32_t protocol;
};
struct PeerAnswer {
  int32_t error;
};

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_PEER_REQUEST_H_
