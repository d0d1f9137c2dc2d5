#include "daemon/wspctl/format.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "daemon/base/escape.h"
#include "daemon/wspctl/event_names.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"

namespace wspd {
namespace {

using ::wsp::v1::SocketAddress;

constexpr char kNothing[] = "-";
constexpr size_t kMaxCommandColumn = 60;

std::string FormatIpv6(const SocketAddress::Ipv6& ipv6) {
  in6_addr address;
  if (ipv6.address().size() != sizeof(address)) return "?";
  memcpy(&address, ipv6.address().data(), sizeof(address));
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, &address, text, sizeof(text));
  return ipv6.scope_id() == 0 ? absl::StrCat(text)
                              : absl::StrCat(text, "%", ipv6.scope_id());
}

std::string FormatIpv4(const SocketAddress::Ipv4& ipv4) {
  const uint32_t address = ipv4.address();
  return absl::StrFormat("%u.%u.%u.%u", address >> 24, (address >> 16) & 255,
                         (address >> 8) & 255, address & 255);
}

// "PERSONALITY_WINSOCK" as "winsock".
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

// By which `reset` knows it. As `ss -e` has cookies.
std::string NumberOf(const wsp::v1::Socket& socket) {
  return socket.socket_id() != 0 || socket.cookie() == 0
             ? absl::StrFormat("%016x", socket.socket_id())
             : absl::StrFormat("sk:%x", socket.cookie());
}

std::string ByteCount(const wsp::v1::Socket& socket, uint64_t bytes) {
  return socket.bytes_unknown() ? kNothing : absl::StrCat(bytes);
}

std::string AgeSince(int64_t unix_ns, absl::Time now) {
  return unix_ns == 0 ? kNothing
                      : FormatAge(now - absl::FromUnixNanos(unix_ns));
}

std::string Version(const wsp::v1::ProtocolVersion& version) {
  return absl::StrCat(version.major(), ".", version.minor());
}

std::string CommandOf(const wsp::v1::Client& client) {
  std::string command = Escape(client.command_line().empty()
                                   ? client.executable()
                                   : absl::StrJoin(client.command_line(), " "));
  if (command.empty()) return kNothing;
  if (command.size() > kMaxCommandColumn) {
    command.resize(kMaxCommandColumn - 3);
    command += "...";
  }
  return command;
}

bool IsNumeric(const std::string& text) {
  return text == kNothing ||
         (!text.empty() &&
          std::all_of(text.begin(), text.end(),
                      [](unsigned char c) { return absl::ascii_isdigit(c); }));
}

// Without the closing brace, so that fields can be added.
std::string OpenJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  // Fails only for well-known types with impossible values.
  (void)google::protobuf::util::MessageToJsonString(message, &json, options)
      .ok();
  json.pop_back();
  return json;
}

}  // namespace

std::string FormatAddress(const SocketAddress& address) {
  switch (address.family_case()) {
    case SocketAddress::kIpv4:
      return absl::StrCat(FormatIpv4(address.ipv4()), ":",
                          address.ipv4().port());
    case SocketAddress::kIpv6:
      return absl::StrCat("[", FormatIpv6(address.ipv6()),
                          "]:", address.ipv6().port());
    case SocketAddress::FAMILY_NOT_SET:
      break;
  }
  return kNothing;
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

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  std::vector<bool> numeric;
  for (size_t r = 0; r < rows.size(); ++r) {
    widths.resize(std::max(widths.size(), rows[r].size()));
    numeric.resize(widths.size(), rows.size() > 1);
    for (size_t c = 0; c < rows[r].size(); ++c) {
      widths[c] = std::max(widths[c], rows[r][c].size());
      if (r > 0 && !IsNumeric(rows[r][c])) numeric[c] = false;
    }
  }
  std::string table;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - row[c].size(), ' ');
      absl::StrAppend(&line, c == 0 ? "" : "  ", numeric[c] ? padding : "",
                      row[c], numeric[c] ? "" : padding);
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&table, line, "\n");
  }
  return table;
}

std::string FormatClients(const wsp::v1::ListClientsResponse& response,
                          absl::Time now) {
  std::vector<std::vector<std::string>> rows = {
      {"CLIENT", "PID", "UID", "KIND", "WIRE", "STARTUPS", "SOCKETS", "PENDING",
       "ATTACHED", "LAST CALL", "COMMAND"}};
  for (const wsp::v1::Client& client : response.clients()) {
    rows.push_back(
        {absl::StrCat(client.client_id()), absl::StrCat(client.pid()),
         absl::StrCat(client.uid()),
         ShortName(wsp::v1::Personality_Name(client.personality()),
                   "PERSONALITY_"),
         Version(client.version()), absl::StrCat(client.startups()),
         absl::StrCat(client.sockets()), absl::StrCat(client.pending_calls()),
         AgeSince(client.attached_at_ns(), now),
         AgeSince(client.last_call_at_ns(), now), CommandOf(client)});
  }
  return FormatTable(rows);
}

std::string FormatSockets(const wsp::v1::ListSocketsResponse& response,
                          absl::Time now) {
  std::vector<std::vector<std::string>> rows = {
      {"CLIENT", "PID", "UID", "SOCKET", "PLANE", "PROTO", "STATE", "LOCAL",
       "PEER", "PENDING", "SENT", "RECEIVED", "AGE", "IDLE"}};
  for (const wsp::v1::Socket& socket : response.sockets()) {
    rows.push_back(
        {absl::StrCat(socket.client_id()), absl::StrCat(socket.pid()),
         absl::StrCat(socket.uid()), NumberOf(socket),
         PlaneName(socket.plane()), ProtocolName(socket.protocol()),
         ShortName(wsp::v1::SocketState_Name(socket.state()), "SOCKET_STATE_"),
         FormatAddress(socket.local()), FormatAddress(socket.peer()),
         absl::StrCat(socket.pending_calls()),
         ByteCount(socket, socket.bytes_sent()),
         ByteCount(socket, socket.bytes_received()),
         AgeSince(socket.opened_at_ns(), now),
         AgeSince(socket.active_at_ns(), now)});
  }
  return FormatTable(rows);
}

std::string FormatInfo(const wsp::v1::GetServerInfoResponse& info,
                       absl::Time now) {
  const wsp::v1::Limits& limits = info.limits();
  const std::vector<std::pair<absl::string_view, std::string>> lines = {
      {"version", info.version()},
      {"pid", absl::StrCat(info.pid())},
      {"up", AgeSince(info.started_at_ns(), now)},
      {"instance", absl::BytesToHexString(info.instance())},
      {"wire", Version(info.protocol())},
      {"provider socket", info.provider_socket()},
      {"admin socket", info.admin_socket()},
      {"clients", absl::StrCat(info.clients())},
      {"sockets", absl::StrCat(info.sockets())},
      {"lingering sockets", absl::StrCat(info.lingering_sockets())},
      {"clients attached", absl::StrCat(info.clients_attached_total())},
      {"clients died", absl::StrCat(info.clients_died_total())},
      {"calls", absl::StrCat(info.calls_total())},
      {"bytes sent", absl::StrCat(info.bytes_sent_total())},
      {"bytes received", absl::StrCat(info.bytes_received_total())},
      {"limit of a frame", absl::StrCat(limits.frame_bytes(), " bytes")},
      {"limit of a chunk", absl::StrCat(limits.chunk_bytes(), " bytes")},
      {"limit of sockets", absl::StrCat(limits.sockets(), " a client")},
      {"limit of calls", absl::StrCat(limits.outstanding_calls(), " a client")},
      {"limit of attachments", absl::StrCat(limits.attachments(), " a client")},
  };
  std::string text;
  for (const auto& [name, value] : lines) {
    absl::StrAppendFormat(&text, "%-21s %s\n", name,
                          value.empty() ? kNothing : Escape(value));
  }
  return text;
}

std::string FormatClientsJson(const wsp::v1::ListClientsResponse& response) {
  std::string text;
  for (const wsp::v1::Client& client : response.clients()) {
    absl::StrAppend(&text, OpenJson(client), "}\n");
  }
  return text;
}

std::string FormatSocketsJson(const wsp::v1::ListSocketsResponse& response) {
  std::string text;
  for (wsp::v1::Socket socket : response.sockets()) {
    // As text: people read these, and jq doesn't do base64 addresses.
    const std::string local = FormatAddress(socket.local());
    const std::string peer = FormatAddress(socket.peer());
    socket.clear_local();
    socket.clear_peer();
    absl::StrAppend(&text, OpenJson(socket), ",\"local\":\"", local,
                    "\",\"peer\":\"", peer, "\"}\n");
  }
  return text;
}

std::string FormatInfoJson(const wsp::v1::GetServerInfoResponse& info) {
  return absl::StrCat(OpenJson(info), "}\n");
}

std::string FormatEvents(const wsp::v1::WatchEventsResponse& response,
                         absl::TimeZone zone) {
  std::string text;
  if (response.lost() > 0) {
    absl::StrAppend(&text, "lost ", response.lost(),
                    " events: they came faster than they were read\n");
  }
  for (const wsp::v1::JournalEvent& event : response.events()) {
    absl::StrAppend(&text,
                    absl::FormatTime("%Y-%m-%dT%H:%M:%E3S%Ez",
                                     absl::FromUnixNanos(event.at_ns()), zone),
                    " ", EventKindName(event.kind()),
                    " client=", event.client_id(), " pid=", event.pid(),
                    " uid=", event.uid());
    if (event.socket_id() != 0) {
      absl::StrAppendFormat(&text, " socket=%016x plane=%s protocol=%s",
                            event.socket_id(), PlaneName(event.plane()),
                            ProtocolName(event.protocol()));
    }
    if (event.has_local()) {
      absl::StrAppend(&text, " local=", FormatAddress(event.local()));
    }
    if (event.has_peer()) {
      absl::StrAppend(&text, " peer=", FormatAddress(event.peer()));
    }
    if (event.linux_errno() != 0) {
      absl::StrAppend(&text, " error=\"", strerror(event.linux_errno()), "\"");
    }
    if (!event.detail().empty()) {
      absl::StrAppend(&text, " detail=\"", Escape(event.detail()), "\"");
    }
    text += '\n';
  }
  return text;
}

std::string FormatEventsJson(const wsp::v1::WatchEventsResponse& response) {
  std::string text;
  if (response.lost() > 0) {
    absl::StrAppend(&text, "{\"lost\":\"", response.lost(), "\"}\n");
  }
  for (wsp::v1::JournalEvent event : response.events()) {
    const std::string local = FormatAddress(event.local());
    const std::string peer = FormatAddress(event.peer());
    event.clear_local();
    event.clear_peer();
    absl::StrAppend(&text, OpenJson(event), ",\"local\":\"", local,
                    "\",\"peer\":\"", peer, "\"}\n");
  }
  return text;
}

}  // namespace wspd
