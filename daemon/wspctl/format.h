#ifndef WSPD_DAEMON_WSPCTL_FORMAT_H_
#define WSPD_DAEMON_WSPCTL_FORMAT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/wsp/v1/admin.pb.h"
#include "proto/wsp/v1/types.pb.h"

namespace wspd {

// How wspctl prints what the daemon says. Text for people is ASCII: what comes
// from a client is escaped, so that it can't reach the terminal. Every function
// returns whole lines.

// "1.2.3.4:80", "[::1]:80", "[fe80::1%2]:80"; "-" if there is none.
std::string FormatAddress(const wsp::v1::SocketAddress& address);

// "12s", "3m04s", "5h02m", "3d04h".
std::string FormatAge(absl::Duration age);

// Columns as wide as needed, two spaces between them; the first row is the
// heading. Columns that hold numbers only are set to the right.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

std::string FormatClients(const wsp::v1::ListClientsResponse& response,
                          absl::Time now);
std::string FormatSockets(const wsp::v1::ListSocketsResponse& response,
                          absl::Time now);
std::string FormatInfo(const wsp::v1::GetServerInfoResponse& info,
                       absl::Time now);

// One object a line, snake_case, every field present; addresses as by
// FormatAddress.
std::string FormatClientsJson(const wsp::v1::ListClientsResponse& response);
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
