#include "daemon/wspctl/value_text.h"

#include <netinet/in.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "daemon/base/escape.h"

namespace wspd {

std::string PidText(int pid) { return pid == 0 ? kNothing : absl::StrCat(pid); }

std::string ShortName(absl::string_view name, absl::string_view prefix) {
  absl::ConsumePrefix(&name, prefix);
  return name.empty() || name == "UNSPECIFIED" ? kNothing
                                               : absl::AsciiStrToLower(name);
}

std::string ProtocolName(int protocol) {
  if (protocol == IPPROTO_TCP) return "tcp";
  if (protocol == IPPROTO_UDP) return "udp";
  if (protocol == IPPROTO_UDPLITE) return "udplite";
  if (protocol == IPPROTO_MPTCP) return "mptcp";
  if (protocol == IPPROTO_ICMP) return "icmp";
  if (protocol == IPPROTO_ICMPV6) return "icmpv6";
  return absl::StrCat(protocol);
}

std::string PlaneName(wsp::v1::Plane plane) {
  return plane == wsp::v1::PLANE_UNSPECIFIED
             ? "forwarded"
             : ShortName(wsp::v1::Plane_Name(plane), "PLANE_");
}

std::string StateName(wsp::v1::SocketState state) {
  return ShortName(wsp::v1::SocketState_Name(state), "SOCKET_STATE_");
}

std::string FormatAge(absl::Duration age) {
  const int64_t seconds = std::max<int64_t>(absl::ToInt64Seconds(age), 0);
  const int64_t minutes = seconds / 60;
  const int64_t hours = minutes / 60;
  if (minutes == 0) return absl::StrFormat("%ds", seconds);
  if (hours == 0) return absl::StrFormat("%dm%02ds", minutes, seconds % 60);
  if (hours < 24) return absl::StrFormat("%dh%02dm", hours, minutes % 60);
  return absl::StrFormat("%dd%02dh", hours / 24, hours % 24);
}

std::string AgeSince(int64_t unix_ns, absl::Time now) {
  return unix_ns == 0 ? kNothing
                      : FormatAge(now - absl::FromUnixNanos(unix_ns));
}

std::string VersionText(const wsp::v1::ProtocolVersion& version) {
  return absl::StrCat(version.major(), ".", version.minor());
}

std::string FormatQuantity(double number) {
  constexpr absl::string_view kUnits = " KMGTPE";
  size_t unit = 0;
  while (number >= 1023.5 && unit + 1 < kUnits.size()) {
    number /= 1024;
    ++unit;
  }
  const bool whole = unit == 0 || number >= 99.95;
  std::string text =
      whole ? absl::StrFormat("%.0f", number) : absl::StrFormat("%.1f", number);
  if (unit > 0) text += kUnits[unit];
  return text;
}

std::string CommandText(const wsp::v1::Client& client) {
  const std::string command =
      Escape(client.command_line().empty()
                 ? client.executable()
                 : absl::StrJoin(client.command_line(), " "));
  return command.empty() ? kNothing : command;
}

}  // namespace wspd
