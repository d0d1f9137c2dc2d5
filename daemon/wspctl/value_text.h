#ifndef WSPD_DAEMON_WSPCTL_VALUE_TEXT_H_
#define WSPD_DAEMON_WSPCTL_VALUE_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/wsp/v1/admin.pb.h"
#include "proto/wsp/v1/types.pb.h"

namespace wspd {

// Values of the daemon's messages as people read them.

// What stands where there is nothing.
inline constexpr char kNothing[] = "-";

// kNothing of a process that the daemon can't see.
std::string PidText(int pid);

// "PERSONALITY_WINSOCK" as "winsock".
std::string ShortName(absl::string_view name, absl::string_view prefix);

// "tcp"; the number of one without a name here.
std::string ProtocolName(int protocol);

// "forwarded", "lent", "relayed".
std::string PlaneName(wsp::v1::Plane plane);

// "connected".
std::string StateName(wsp::v1::SocketState state);

// "12s", "3m04s", "5h02m", "3d04h".
std::string FormatAge(absl::Duration age);

// Since then; kNothing if that is 0.
std::string AgeSince(int64_t unix_ns, absl::Time now);

// "1.0".
std::string VersionText(const wsp::v1::ProtocolVersion& version);

// A number in at most five characters: "0", "950", "1.2K", "12.3M", by powers
// of 1024.
std::string FormatQuantity(double number);

// What is run; escaped.
std::string CommandText(const wsp::v1::Client& client);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_VALUE_TEXT_H_
