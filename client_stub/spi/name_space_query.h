#ifndef WSPD_CLIENT_STUB_SPI_NAME_SPACE_QUERY_H_
#define WSPD_CLIENT_STUB_SPI_NAME_SPACE_QUERY_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>
#include <vector>

#include "client_stub/transport/lookup.h"

namespace wsp {

// The one name-space provider that libwsp.so is: Windows' own for the TCP/IP
// name space, as the transport entries of the catalog are Windows' own.
extern const GUID kNameSpaceProviderId;
bool IsNameSpaceProvider(LPGUID provider);

// The query of an NSPLookupServiceBegin, kept.
struct NameSpaceQuery {
  LookupParams params;
  GUID service_class = {};
  DWORD flags = 0;
  // Of the addresses, where the answer says none: a class of port 0 has none.
  uint16_t port = 0;
  int socket_type = 0;
  int protocol = 0;
  // With its 0; empty if there was none.
  std::vector<WCHAR> query_string;
};

// Reads a query as the DNS name space has it (reference, section 1.5):
//   SVCID_HOSTNAME, SVCID_INET_HOSTADDRBYNAME   the host that is named; without
//       a name the daemon's own host
//   SVCID_INET_HOSTADDRBYINETSTRING   the name of a numeric address
//   SVCID_INET_SERVICEBYNAME          a service, "NAME" or "NAME/PROTOCOL"
//   SVCID_TCP_RR(port, type), SVCID_UDP_RR   the host that is named, with the
//       port; a type of 1 (A) or 28 (AAAA) restricts the family, 12 (PTR) is as
//       BYINETSTRING, 0 and 255 take both families
// lpafpProtocols restricts families and protocols; the hosts' addresses are of
// TCP unless it says only UDP. Version, comment and context mean nothing here.
//
// Returns 0, WSAEINVAL for what is missing or malformed or of another name
// space, WSASERVICE_NOT_FOUND for another class, WSANO_DATA for containers,
// other record types, and families and protocols that DNS has no addresses for.
uint32_t ReadNameSpaceQuery(const WSAQUERYSETW* restrictions, DWORD flags,
                            NameSpaceQuery* query);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_NAME_SPACE_QUERY_H_
