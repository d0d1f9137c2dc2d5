#ifndef WSPD_CLIENT_STUB_SPI_VERSION_H_
#define WSPD_CLIENT_STUB_SPI_VERSION_H_

#include <winsock2.h>

namespace wsp {

// Version negotiation (reference, section 3.1) of a provider that speaks the
// versions from `lowest` to `highest`: the one that a caller which requests
// `requested` is expected to use, or 0 if there is none, WSAVERNOTSUPPORTED.
// Versions compare by major, then minor; a WORD has them the other way round.
WORD NegotiateVersion(WORD requested, WORD lowest, WORD highest);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_VERSION_H_
