#ifndef WSPD_DAEMON_SESSION_STARTUP_H_
#define WSPD_DAEMON_SESSION_STARTUP_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// The version of the wire that this daemon speaks.
wsp::v1::ProtocolVersion OwnVersion();

// Whether a client's hello can be served; FAILED_PRECONDITION says what is
// offered instead.
absl::Status CheckHello(const wsp::v1::Hello& hello);

// Which planes the daemon has for Linux programs.
struct OfferedPlanes {
  bool relayed = false;
  bool lent = false;
};

// What of the client's capabilities is in force, by its personality.
std::vector<wsp::v1::Capability> NegotiateCapabilities(
    const wsp::v1::Hello& hello, const OfferedPlanes& planes);

// The lower of both versions; the majors are equal.
wsp::v1::ProtocolVersion NegotiateVersion(
    const wsp::v1::ProtocolVersion& client);

// WSPStartup's negotiation for a provider of version 2.2 only (reference,
// section 3.1): fills versions and description, or false: WSAVERNOTSUPPORTED.
// `requested` is a Winsock WORD, low byte major.
bool NegotiateWinsockVersion(uint32_t requested,
                             wsp::v1::StartupResult* result);

// The kernel's family and type for a socket that the daemon can make, or a
// Winsock code in the order of section 4.12.
uint32_t CheckSocketRequest(const wsp::v1::SocketRequest& request, int* family,
                            int* type);

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_STARTUP_H_
