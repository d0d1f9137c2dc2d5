#ifndef WSPD_DAEMON_WSPCTL_NAME_TABLE_H_
#define WSPD_DAEMON_WSPCTL_NAME_TABLE_H_

#include <cstdint>
#include <string>

#include "daemon/wspctl/field_table.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

using NameFields =
    FieldTable<wsp::v1::ListNamesResponse, wsp::v1::LookedUpName>;
using NamePrinter =
    FieldPrinter<wsp::v1::ListNamesResponse, wsp::v1::LookedUpName>;

// How looked-up names are shown. What clients and name servers say is escaped,
// so that it can't reach the terminal.
const NameFields& NameTable();

// "WSAHOST_NOT_FOUND"; the number of one without a name here.
std::string LookupErrorName(uint32_t wsa_error);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_NAME_TABLE_H_
