#ifndef WSPD_CLIENT_STUB_SPI_NAME_SPACE_RECORD_H_
#define WSPD_CLIENT_STUB_SPI_NAME_SPACE_RECORD_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "client_stub/spi/name_space_query.h"
#include "client_stub/transport/lookup.h"

namespace wsp {

// What one NSPLookupServiceNext gives: a host, a service, or one of their
// aliases.
struct NameSpaceRecord {
  // Of the reply.
  const ByteBuffer* name = nullptr;
  // Null if it is a host.
  const LookupReply::Service* service = nullptr;
  bool is_alias = false;
};

// The records of a reply, which has to outlive them: the host, or each of the
// services, and, with LUP_RETURN_ALIASES, its aliases behind it.
std::vector<NameSpaceRecord> RecordsOf(const NameSpaceQuery& query,
                                       const LookupReply& reply);

// Writes a record with what `flags` ask for (LUP_RETURN_*, a part of the
// query's) to a buffer of `capacity` bytes: the WSAQUERYSETW and, behind it,
// what it points to. Returns the bytes that it takes; if that is more than
// `capacity`, nothing is written.
//
//   NAME    lpszServiceInstanceName: canonical name, service or alias; an
//           alias record has it always, and nothing else but TYPE
//   TYPE    lpServiceClassId, the query's
//   ADDR    lpcsaBuffer: all addresses, RemoteAddr with the port of the class
//   or
//           service, LocalAddr unspecified; of a service 0.0.0.0 with its port.
//           With the query's LUP_RES_SERVICE the two change places
//   BLOB    a HOSTENT or SERVENT whose pointers are offsets from its beginning,
//           as in the blobs of Windows' own provider. A HOSTENT has one family:
//           IPv4 if there are such addresses
//   QUERY_STRING   lpszQueryString, the query's
// dwNameSpace and lpNSProviderId are always there.
size_t WriteRecord(const NameSpaceQuery& query, const LookupReply& reply,
                   const NameSpaceRecord& record, DWORD flags, size_t capacity,
                   LPWSAQUERYSETW out);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_NAME_SPACE_RECORD_H_
