#ifndef WSPD_DAEMON_WSPCTL_CLIENT_TABLE_H_
#define WSPD_DAEMON_WSPCTL_CLIENT_TABLE_H_

#include "daemon/wspctl/field_table.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

using ClientFields = FieldTable<wsp::v1::ListClientsResponse, wsp::v1::Client>;
using ClientPrinter =
    FieldPrinter<wsp::v1::ListClientsResponse, wsp::v1::Client>;

// How clients are shown. What they say of themselves is escaped, so that it
// can't reach the terminal.
const ClientFields& ClientTable();

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_CLIENT_TABLE_H_
