#include "daemon/wspctl/format.h"

#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "daemon/base/escape.h"
#include "daemon/wspctl/address_text.h"
#include "daemon/wspctl/client_table.h"
#include "daemon/wspctl/event_names.h"
#include "daemon/wspctl/json.h"
#include "daemon/wspctl/socket_table.h"
#include "daemon/wspctl/value_text.h"

namespace wspd {
namespace {

using Lines = std::vector<std::pair<absl::string_view, std::string>>;

std::string FormatLines(const Lines& lines) {
  std::string text;
  for (const auto& [name, value] : lines) {
    absl::StrAppendFormat(&text, "%-21s %s\n", name,
                          value.empty() ? kNothing : Escape(value));
  }
  return text;
}

std::string Of(uint64_t used, uint64_t limit) {
  return limit == 0 ? absl::StrCat(used)
                    : absl::StrCat(used, " of at most ", limit);
}

// "1.5 in 1 s, 0.2 in 10 s, 0.2 in 60 s".
std::string Rates(const wsp::v1::GetServerInfoResponse& info,
                  double (wsp::v1::Rates::*rate)() const) {
  return absl::StrJoin(info.rates(), ", ",
                       [rate](std::string* out, const wsp::v1::Rates& rates) {
                         const double value = (rates.*rate)();
                         absl::StrAppendFormat(out, "%.*f in %.0f s",
                                               value < 10 ? 1 : 0, value,
                                               rates.seconds());
                       });
}

}  // namespace

std::string FormatClients(const wsp::v1::ListClientsResponse& response,
                          const CellView& view, TextStyle style) {
  return ClientPrinter(ClientTable(), false, style).Format(response, view);
}

std::string FormatClient(const wsp::v1::Client& client,
                         const wsp::v1::Limits& limits, const CellView& view) {
  return FormatLines({
      {"client", absl::StrCat(client.client_id())},
      {"pid", PidText(client.pid())},
      {"uid", UserText(client.uid(), view)},
      {"gid", absl::StrCat(client.gid())},
      {"command", absl::StrJoin(client.command_line(), " ")},
      {"executable", client.executable()},
      {"control group", client.cgroup()},
      {"container", client.container_id()},
      {"calls itself", client.client_name()},
      {"kind", ShortName(wsp::v1::Personality_Name(client.personality()),
                         "PERSONALITY_")},
      {"wire", VersionText(client.version())},
      {"startups", absl::StrCat(client.startups())},
      {"attached", AgeSince(client.attached_at_ns(), view.now)},
      {"last call", AgeSince(client.last_call_at_ns(), view.now)},
      {"attachments", Of(client.attachments(), limits.attachments())},
      {"sockets", Of(client.sockets(), limits.sockets())},
      {"pending calls", Of(client.pending_calls(), limits.outstanding_calls())},
      {"kept results", absl::StrCat(client.kept_result_bytes(), " bytes")},
  });
}

std::string FormatSockets(const wsp::v1::ListSocketsResponse& response,
                          const CellView& view, TextStyle style) {
  return SocketPrinter(SocketTable(), false, style).Format(response, view);
}

std::string FormatInfo(const wsp::v1::GetServerInfoResponse& info,
                       absl::Time now) {
  const wsp::v1::Limits& limits = info.limits();
  const Lines lines = {
      {"version", info.version()},
      {"pid", absl::StrCat(info.pid())},
      {"up", AgeSince(info.started_at_ns(), now)},
      {"state", info.draining_since_ns() == 0
                    ? "serving"
                    : absl::StrCat("draining for ",
                                   AgeSince(info.draining_since_ns(), now))},
      {"log level",
       ShortName(wsp::v1::LogLevel_Name(info.log_level()), "LOG_LEVEL_")},
      {"instance", absl::BytesToHexString(info.instance())},
      {"wire", VersionText(info.protocol())},
      {"provider socket", info.provider_socket()},
      {"admin socket", info.admin_socket()},
      {"clients", absl::StrCat(info.clients())},
      {"sockets", absl::StrCat(info.sockets())},
      {"lingering sockets", absl::StrCat(info.lingering_sockets())},
      {"clients attached", absl::StrCat(info.clients_attached_total())},
      {"clients died", absl::StrCat(info.clients_died_total())},
      {"connections", absl::StrCat(info.connections_total())},
      {"calls", absl::StrCat(info.calls_total())},
      {"bytes sent", absl::StrCat(info.bytes_sent_total())},
      {"bytes received", absl::StrCat(info.bytes_received_total())},
      {"calls/s", Rates(info, &wsp::v1::Rates::calls)},
      {"bytes sent/s", Rates(info, &wsp::v1::Rates::bytes_sent)},
      {"bytes received/s", Rates(info, &wsp::v1::Rates::bytes_received)},
      {"connections/s", Rates(info, &wsp::v1::Rates::connections)},
      {"limit of a frame", absl::StrCat(limits.frame_bytes(), " bytes")},
      {"limit of a chunk", absl::StrCat(limits.chunk_bytes(), " bytes")},
  };
  std::string text = FormatLines(lines);
  for (const wsp::v1::ConfiguredLimit& limit : info.configured_limits()) {
    absl::StrAppendFormat(&text, "limits.%-33s ", limit.name());
    absl::StrAppend(
        &text, limit.value() == 0 ? "none" : absl::StrCat(limit.value()), "\n");
  }
  return text;
}

std::string FormatClientsJson(const wsp::v1::ListClientsResponse& response) {
  std::string text;
  for (const wsp::v1::Client& client : response.clients()) {
    absl::StrAppend(&text, ToJson(client), "\n");
  }
  return text;
}

std::string FormatClientJson(const wsp::v1::Client& client,
                             const wsp::v1::ListSocketsResponse& sockets,
                             const wsp::v1::ListNamesResponse& names) {
  const auto add = [](std::string* out, const auto& one) {
    *out += ToJson(one);
  };
  return absl::StrCat("{\"client\":", ToJson(client), ",\"sockets\":[",
                      absl::StrJoin(sockets.sockets(), ",", add),
                      "],\"names\":[", absl::StrJoin(names.names(), ",", add),
                      "]}\n");
}

std::string FormatSocketsJson(const wsp::v1::ListSocketsResponse& response) {
  std::string text;
  for (const wsp::v1::Socket& socket : response.sockets()) {
    absl::StrAppend(&text, ToJson(socket), "\n");
  }
  return text;
}

std::string FormatInfoJson(const wsp::v1::GetServerInfoResponse& info) {
  return absl::StrCat(ToJson(info), "\n");
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
    const bool has_number = event.socket_id() != 0 || event.cookie() != 0;
    if (has_number) {
      absl::StrAppend(
          &text, " socket=", SocketNumber(event.socket_id(), event.cookie()));
    }
    if (has_number || event.listener_socket_id() != 0 ||
        event.action() == wsp::v1::POLICY_ACTION_RAW) {
      absl::StrAppend(&text, " plane=", PlaneName(event.plane()),
                      " protocol=", ProtocolName(event.protocol()));
    }
    if (event.listener_socket_id() != 0) {
      absl::StrAppendFormat(&text, " listener=%016x",
                            event.listener_socket_id());
    }
    if (event.has_local()) {
      absl::StrAppend(&text, " local=", FormatAddress(event.local()));
    }
    if (event.has_peer()) {
      absl::StrAppend(&text, " peer=", FormatAddress(event.peer()));
    }
    if (event.action() != wsp::v1::POLICY_ACTION_UNSPECIFIED) {
      absl::StrAppend(&text, " action=",
                      ShortName(wsp::v1::PolicyAction_Name(event.action()),
                                "POLICY_ACTION_"));
    }
    if (!event.host().empty()) {
      absl::StrAppend(&text, " host=\"", Escape(event.host()), "\"");
    }
    if (event.linux_errno() != 0) {
      absl::StrAppend(&text, " error=\"", strerror(event.linux_errno()), "\"");
    }
    if (event.suppressed() != 0) {
      absl::StrAppend(&text, " suppressed=", event.suppressed());
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
  for (const wsp::v1::JournalEvent& event : response.events()) {
    absl::StrAppend(&text, ToJson(event), "\n");
  }
  return text;
}

}  // namespace wspd
