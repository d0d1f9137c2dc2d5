#ifndef WSPD_DAEMON_WSPCTL_SOCKET_TABLE_H_
#define WSPD_DAEMON_WSPCTL_SOCKET_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/wspctl/field_table.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

using SocketFields = FieldTable<wsp::v1::ListSocketsResponse, wsp::v1::Socket>;
using SocketColumn = FieldColumn<wsp::v1::Socket>;
using SocketPrinter =
    FieldPrinter<wsp::v1::ListSocketsResponse, wsp::v1::Socket>;

// How sockets are shown.
const SocketFields& SocketTable();

// The addresses that have names, for Names::Find().
void FindSocketNames(const wsp::v1::Socket& socket,
                     std::vector<const wsp::v1::SocketAddress*>* addresses);

// By which `reset` knows it. As `ss -e` has cookies.
std::string SocketNumber(uint64_t socket_id, uint64_t cookie);
std::string SocketNumber(const wsp::v1::Socket& socket);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_SOCKET_TABLE_H_
