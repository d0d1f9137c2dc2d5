#ifndef WSPD_CLIENT_STUB_SPI_NAME_SPACE_H_
#define WSPD_CLIENT_STUB_SPI_NAME_SPACE_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>
#include <vector>

#include "client_stub/base/id_table.h"
#include "client_stub/spi/library.h"
#include "client_stub/spi/name_space_query.h"
#include "client_stub/spi/name_space_record.h"
#include "client_stub/transport/lookup.h"

namespace wsp {

using SetLastErrorFunction = decltype(&WSASetLastError);

// A query between NSPLookupServiceBegin and NSPLookupServiceEnd.
struct NameSpaceLookup {
  // Its handle.
  uint64_t id = 0;
  NameSpaceLookup* table_next = nullptr;
  NameSpaceQuery query;

  // The daemon has answered: with `error`, or with `reply`.
  bool answered = false;
  uint32_t error = 0;
  LookupReply reply;
  std::vector<NameSpaceRecord> records;
  // The record that comes next, and whether a buffer was too small for it.
  size_t next = 0;
  bool oversized = false;
};

// The name-space provider between its first startup and its last cleanup. It is
// in the library's memory alone: the connection to the daemon is the
// Provider's, which a lookup makes if there is none, and which the final
// WSPCleanup takes down at any time, with the lookups that wait.
//
// Under g_library.mutex.
struct NameSpace {
  ~NameSpace();

  // Null if the handle is none.
  NameSpaceLookup* Find(HANDLE handle) const {
    return lookups.Find(reinterpret_cast<uint64_t>(handle));
  }

  uint64_t startups = 0;
  IdTable<NameSpaceLookup> lookups;
  // The SPI client's; null if it has none. Found at startup, since the loader
  // may not be asked later: a cleanup from a library's own destructor holds its
  // lock.
  SetLastErrorFunction set_last_error = nullptr;
};

// The SPI client's WSASetLastError. On Windows a provider imports it from
// ws2_32; here it is looked for where the program's own symbols are. Without
// one a failed function only returns SOCKET_ERROR.
SetLastErrorFunction FindSetLastError();

INT WSAAPI NspCleanup(LPGUID provider);
INT WSAAPI NspLookupServiceBegin(LPGUID provider, LPWSAQUERYSETW restrictions,
                                 LPWSASERVICECLASSINFOW class_info, DWORD flags,
                                 LPHANDLE lookup);
INT WSAAPI NspLookupServiceNext(HANDLE lookup, DWORD flags, LPDWORD length,
                                LPWSAQUERYSETW results);
INT WSAAPI NspLookupServiceEnd(HANDLE lookup);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_NAME_SPACE_H_
