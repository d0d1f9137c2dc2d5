#ifndef WSPD_DAEMON_WSPCTL_FORMAT_H_
#define WSPD_DAEMON_WSPCTL_FORMAT_H_

#include <string>

#include "absl/time/time.h"
#include "daemon/wspctl/field_table.h"
#include "daemon/wspctl/text_style.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// How wspctl prints what the daemon says. Text for people is ASCII: what comes
// from a client is escaped, so that it can't reach the terminal. Every function
// returns whole lines.

std::string FormatClients(const wsp::v1::ListClientsResponse& response,
                          const CellView& view, TextStyle style = TextStyle());
// All of one client but its sockets, a line each.
std::string FormatClient(const wsp::v1::Client& client,
                         const wsp::v1::Limits& limits, const CellView& view);
std::string FormatSockets(const wsp::v1::ListSocketsResponse& response,
                          const CellView& view, TextStyle style = TextStyle());
std::string FormatInfo(const wsp::v1::GetServerInfoResponse& info,
                       absl::Time now);

// One object a line, snake_case, every field present; addresses as by
// FormatAddress.
std::string FormatClientsJson(const wsp::v1::ListClientsResponse& response);
// {"client":{...},"sockets":[...],"names":[...]}
std::string FormatClientJson(const wsp::v1::Client& client,
                             const wsp::v1::ListSocketsResponse& sockets,
                             const wsp::v1::ListNamesResponse& names);
std::string FormatSocketsJson(const wsp::v1::ListSocketsResponse& response);
std::string FormatInfoJson(const wsp::v1::GetServerInfoResponse& info);

// A line for each event and for a gap, "2026-01-02T03:04:05.678Z client_died
// client=1 ..."; empty fields are left out.
std::string FormatEvents(const wsp::v1::WatchEventsResponse& response,
                         absl::TimeZone zone);
// An object for each; of a gap {"lost":N}.
std::string FormatEventsJson(const wsp::v1::WatchEventsResponse& response);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_FORMAT_H_
