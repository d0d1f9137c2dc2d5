#include "daemon/wspctl/client_table.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/base/escape.h"
#include "daemon/wspctl/value_text.h"

namespace wspd {
namespace {

using ::wsp::v1::Client;

std::string TextOf(const std::string& text) {
  return text.empty() ? kNothing : Escape(text);
}

// As much of it as `podman ps` and `docker ps` show.
std::string ContainerText(const Client& client) {
  constexpr size_t kDigits = 12;
  return TextOf(client.container_id().substr(0, kDigits));
}

std::vector<FieldColumn<Client>> Columns() {
  return {
      {"client_id",
       {"CLIENT", true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(absl::StrCat(client.client_id()));
       }},
      {"pid",
       {"PID", true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(PidText(client.pid()));
       }},
      {"uid",
       {"UID", true},
       {},
       [](const Client& client, const CellView& view) {
         return Cell(UserText(client.uid(), view));
       }},
      {"container_id",
       {"CONTAINER"},
       {},
       [](const Client& client, const CellView&) {
         return Cell(ContainerText(client));
       },
       [](const Client& client) { return !client.container_id().empty(); }},
      {"personality",
       {"KIND"},
       {},
       [](const Client& client, const CellView&) {
         return Cell(ShortName(wsp::v1::Personality_Name(client.personality()),
                               "PERSONALITY_"));
       }},
      {"version",
       {"WIRE"},
       {},
       [](const Client& client, const CellView&) {
         return Cell(VersionText(client.version()));
       }},
      {"startups",
       {"STARTUPS", true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(absl::StrCat(client.startups()));
       }},
      {"sockets",
       {"SOCKETS", true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(absl::StrCat(client.sockets()));
       }},
      {"pending_calls",
       {"PENDING", true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(absl::StrCat(client.pending_calls()));
       }},
      {"attached_at_ns",
       {"ATTACHED", true},
       {},
       [](const Client& client, const CellView& view) {
         return Cell(AgeSince(client.attached_at_ns(), view.now));
       }},
      {"last_call_at_ns",
       {"LAST CALL", true},
       {},
       [](const Client& client, const CellView& view) {
         return Cell(AgeSince(client.last_call_at_ns(), view.now));
       }},
      {"command_line",
       {"COMMAND", false, true},
       {"executable"},
       [](const Client& client, const CellView&) {
         return Cell(CommandText(client));
       }},
      // By default not in the table.
      {"gid",
       {"GID", true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(absl::StrCat(client.gid()));
       }},
      {"start_time_ticks",
       {"STARTED", true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(absl::StrCat(client.start_time_ticks()));
       }},
      {"cgroup",
       {"CONTROL GROUP", false, true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(TextOf(client.cgroup()));
       }},
      {"executable",
       {"EXECUTABLE", false, true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(TextOf(client.executable()));
       }},
      {"attachments",
       {"ATTACHMENTS", true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(absl::StrCat(client.attachments()));
       }},
      {"kept_result_bytes",
       {"KEPT", true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(absl::StrCat(client.kept_result_bytes()));
       }},
      {"client_name",
       {"CALLS ITSELF", false, true},
       {},
       [](const Client& client, const CellView&) {
         return Cell(TextOf(client.client_name()));
       }},
  };
}

}  // namespace

const ClientFields& ClientTable() {
  static const auto* const table = new ClientFields{
      Columns(), "command_line", &wsp::v1::ListClientsResponse::clients};
  return *table;
}

}  // namespace wspd
