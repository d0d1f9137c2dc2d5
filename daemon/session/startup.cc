#include "daemon/session/startup.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/winsock/wsa_error.h"

namespace wspd {
namespace {

constexpr uint32_t kMajor = 1;
constexpr uint32_t kMinor = 0;
// 2.2 as Winsock writes it.
constexpr uint32_t kWinsockVersion = 0x0202;

bool IsOfferedToLinux(int capability, const OfferedPlanes& planes) {
  return capability == wsp::v1::CAPABILITY_FAREWELL ||
         (capability == wsp::v1::CAPABILITY_LENT && planes.lent) ||
         (capability == wsp::v1::CAPABILITY_RELAYED && planes.relayed);
}

bool IsOfferedToWinsock(int capability, const OfferedPlanes& planes) {
  return capability == wsp::v1::CAPABILITY_FORWARDED ||
         capability == wsp::v1::CAPABILITY_RESUME ||
         (capability == wsp::v1::CAPABILITY_LENT && planes.lent);
}

// Major before minor, unlike the WORD itself.
uint32_t Comparable(uint32_t version) {
  return (version & 0xff) << 8 | (version >> 8 & 0xff);
}

}  // namespace

wsp::v1::ProtocolVersion OwnVersion() {
  wsp::v1::ProtocolVersion version;
  version.set_major(kMajor);
  version.set_minor(kMinor);
  return version;
}

absl::Status CheckHello(const wsp::v1::Hello& hello) {
  if (hello.version().major() != kMajor) {
    return absl::FailedPreconditionError(
        absl::StrCat("the daemon speaks version ", kMajor, ".", kMinor,
                     " of the wire, the client ", hello.version().major(), ".",
                     hello.version().minor()));
  }
  if (hello.personality() != wsp::v1::PERSONALITY_WINSOCK &&
      hello.personality() != wsp::v1::PERSONALITY_LINUX) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the daemon offers PERSONALITY_WINSOCK (", wsp::v1::PERSONALITY_WINSOCK,
        ") and PERSONALITY_LINUX (", wsp::v1::PERSONALITY_LINUX,
        "), the client asks for ", hello.personality()));
  }
  return absl::OkStatus();
}

std::vector<wsp::v1::Capability> NegotiateCapabilities(
    const wsp::v1::Hello& hello, const OfferedPlanes& planes) {
  const bool is_linux = hello.personality() == wsp::v1::PERSONALITY_LINUX;
  std::vector<wsp::v1::Capability> in_force;
  for (const int capability : hello.capabilities()) {
    if (is_linux ? IsOfferedToLinux(capability, planes)
                 : IsOfferedToWinsock(capability, planes)) {
      in_force.push_back(static_cast<wsp::v1::Capability>(capability));
    }
  }
  return in_force;
}

wsp::v1::ProtocolVersion NegotiateVersion(
    const wsp::v1::ProtocolVersion& client) {
  wsp::v1::ProtocolVersion version = OwnVersion();
  version.set_minor(std::min(kMinor, client.minor()));
  return version;
}

bool NegotiateWinsockVersion(uint32_t requested,
                             wsp::v1::StartupResult* result) {
  if (Comparable(requested) < Comparable(kWinsockVersion)) return false;
  result->set_version(kWinsockVersion);
  result->set_high_version(kWinsockVersion);
  result->set_description("wspd out-of-process service provider");
  return true;
}

uint32_t CheckSocketRequest(const wsp::v1::SocketRequest& request, int* family,
                            int* type) {
  using Request = wsp::v1::SocketRequest;
  int protocol;
  switch (request.type()) {
    case Request::TYPE_STREAM:
      *type = SOCK_STREAM;
      protocol = IPPROTO_TCP;
      break;
    case Request::TYPE_DATAGRAM:
      *type = SOCK_DGRAM;
      protocol = IPPROTO_UDP;
      break;
    case Request::TYPE_RAW:
      *type = SOCK_RAW;
      protocol = request.protocol();
      break;
    default:
      return kWsaSocktNoSupport;
  }
  switch (request.family()) {
    case Request::FAMILY_IPV4:
      *family = AF_INET;
      break;
    case Request::FAMILY_IPV6:
      *family = AF_INET6;
      break;
    default:
      return kWsaAfNoSupport;
  }
  if (request.protocol() != 0 && request.protocol() != protocol) {
    return kWsaProtoNoSupport;
  }
  return 0;
}

}  // namespace wspd
