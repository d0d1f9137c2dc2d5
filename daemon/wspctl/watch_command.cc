#include "daemon/wspctl/watch_command.h"

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "daemon/config/user.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/event_names.h"
#include "daemon/wspctl/format.h"
#include "daemon/wspctl/sockets_command.h"
#include "daemon/wspctl/values.h"

namespace wspd {

std::vector<Option> WatchCommand::options() {
  std::vector<Option> options = {
      {"--kind", "KINDS", "only these, for example client_died,socket_refused",
       [this](absl::string_view value) { return TakeKinds(value); }},
      {"--from", "NUMBER",
       "begins with this event, as far as events are kept; 1 is the first of "
       "all",
       [this](absl::string_view value) { return TakeFrom(value); }},
      {"--uid", "USER", "of this one, by name or number",
       [this](absl::string_view value) { return TakeUid(value); }},
      {"--client", "CLIENT", "of this one, by its number",
       [this](absl::string_view value) {
         const auto client = ParseClientNumber(value);
         return client.ok() ? TakeClient(*client) : client.status();
       }},
      {"--id", "SOCKET",
       "of this one, as \"sockets\" shows it, and of what it accepts",
       [this](absl::string_view value) { return TakeSocket(value); }},
  };
  for (Option& option : SocketFilterOptions(&sockets_)) {
    // Events have one user each, and no state.
    if (option.name == "--uid" || option.name == "--state") continue;
    options.push_back(std::move(option));
  }
  return options;
}

absl::Status WatchCommand::TakeKinds(absl::string_view names) {
  for (const absl::string_view name : absl::StrSplit(names, ',')) {
    wsp::v1::JournalEvent::Kind kind;
    if (!wsp::v1::JournalEvent::Kind_Parse(
            absl::StrCat("KIND_", absl::AsciiStrToUpper(name)), &kind) ||
        kind == wsp::v1::JournalEvent::KIND_UNSPECIFIED) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no kind \"", name, "\"; there are ", EventKindNames()));
    }
    request_.add_kinds(kind);
  }
  return absl::OkStatus();
}

absl::Status WatchCommand::TakeFrom(absl::string_view number) {
  uint64_t from = 0;
  if (!absl::SimpleAtoi(number, &from) || from == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", number, "\" is no event's number"));
  }
  request_.set_from_sequence(from);
  return absl::OkStatus();
}

absl::Status WatchCommand::TakeUid(absl::string_view user) {
  const auto uid = ResolveUser(user);
  if (!uid.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", user, "\" is not a user: ", uid.status().message()));
  }
  request_.set_uid(*uid);
  return absl::OkStatus();
}

absl::Status WatchCommand::TakeSocket(absl::string_view name) {
  const auto socket = ParseSocketName(name);
  if (!socket.ok()) return socket.status();
  request_.set_socket_id(socket->socket_id);
  request_.set_cookie(socket->cookie);
  return socket->client_id == 0 ? absl::OkStatus()
                                : TakeClient(socket->client_id);
}

absl::Status WatchCommand::TakeClient(uint64_t client_id) {
  if (request_.client_id() != 0 && request_.client_id() != client_id) {
    return absl::InvalidArgumentError(
        absl::StrCat("of which client, ", request_.client_id(), " or ",
                     client_id, "? There may be one"));
  }
  request_.set_client_id(client_id);
  return absl::OkStatus();
}

absl::Status WatchCommand::TakeWords(const std::vector<std::string>& words) {
  // After the options.
  *request_.mutable_planes() = sockets_.planes();
  request_.set_local_network(sockets_.local_network());
  request_.set_peer_network(sockets_.peer_network());
  request_.set_local_port(sockets_.local_port());
  request_.set_peer_port(sockets_.peer_port());
  absl::Status status = RefuseWordsAfter(1, words);
  if (!status.ok() || words.empty()) return status;
  const auto pid = ParsePid(words[0]);
  if (!pid.ok()) return pid.status();
  request_.set_pid(*pid);
  return absl::OkStatus();
}

absl::StatusOr<int> WatchCommand::Run(const Console& console) {
  auto client = AdminClient::Connect(console.daemons.front());
  if (!client.ok()) return client.status();
  const absl::TimeZone zone = absl::LocalTimeZone();
  const auto write = [&](const wsp::v1::WatchEventsResponse& response) {
    *console.out << (console.json ? FormatEventsJson(response)
                                  : FormatEvents(response, zone))
                 << std::flush;
    return console.out->good();
  };
  absl::Status status = (*client)->WatchEvents(request_, write);
  if (!status.ok()) return status;
  return kExitOk;
}

}  // namespace wspd
