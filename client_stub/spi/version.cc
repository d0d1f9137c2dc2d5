#include "client_stub/spi/version.h"

namespace wsp {
namespace {

bool IsBelow(WORD version, WORD other) {
  if (LOBYTE(version) != LOBYTE(other)) return LOBYTE(version) < LOBYTE(other);
  return HIBYTE(version) < HIBYTE(other);
}

}  // namespace

WORD NegotiateVersion(WORD requested, WORD lowest, WORD highest) {
  if (IsBelow(requested, lowest)) return 0;
  return IsBelow(requested, highest) ? requested : highest;
}

}  // namespace wsp
