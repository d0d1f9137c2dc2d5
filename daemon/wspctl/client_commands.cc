#include "daemon/wspctl/client_commands.h"

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/client_table.h"
#include "daemon/wspctl/field_table.h"
#include "daemon/wspctl/format.h"
#include "daemon/wspctl/name_table.h"
#include "daemon/wspctl/values.h"

namespace wspd {

namespace {

using ::wsp::v1::ListClientsRequest;

// A client may have some kilobytes of arguments.
constexpr uint32_t kPageSize = 1000;

absl::Status TakeKind(absl::string_view name, ListClientsRequest* request) {
  wsp::v1::Personality personality;
  if (!wsp::v1::Personality_Parse(
          absl::StrCat("PERSONALITY_", absl::AsciiStrToUpper(name)),
          &personality) ||
      personality == wsp::v1::PERSONALITY_UNSPECIFIED) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no kind \"", name, "\"; there are winsock, linux"));
  }
  request->set_personality(personality);
  return absl::OkStatus();
}

}  // namespace

ClientsCommand::ClientsCommand()
    : ListingCommand(ClientTable(), &AdminClient::ListClients, kPageSize) {}

std::vector<Option> ClientsCommand::options() {
  std::vector<Option> options = {
      UsersOption(&request_),
      {"--client", "CLIENT", "the one of this number",
       [this](absl::string_view value) {
         const auto client = ParseClientNumber(value);
         if (!client.ok()) return client.status();
         request_.set_client_id(*client);
         return absl::OkStatus();
       }},
      {"--kind", "KIND",
       "of the SPI's clients, winsock, or of Linux programs, linux",
       [this](absl::string_view value) { return TakeKind(value, &request_); }},
      // The daemon says what is wrong with one of these.
      {"--cgroup", "PATH",
       "in this control group or below it: /system.slice/backup.service",
       [this](absl::string_view value) {
         request_.set_cgroup(std::string(value));
         return absl::OkStatus();
       }},
      {"--container", "ID", "in the container whose id begins so",
       [this](absl::string_view value) {
         request_.set_container_id(std::string(value));
         return absl::OkStatus();
       }},
      {"--executable", "PATH", "that run this program",
       [this](absl::string_view value) {
         request_.set_executable(std::string(value));
         return absl::OkStatus();
       }},
  };
  for (Option& option : ListingOptions()) options.push_back(std::move(option));
  return options;
}

absl::Status ClientsCommand::TakeWords(const std::vector<std::string>& words) {
  return TakePids(words, &request_);
}

absl::Status ClientCommand::TakeWords(const std::vector<std::string>& words) {
  if (words.empty()) return absl::InvalidArgumentError("which process?");
  absl::Status status = RefuseWordsAfter(1, words);
  if (!status.ok()) return status;
  const auto pid = ParsePid(words[0]);
  if (!pid.ok()) return pid.status();
  pid_ = *pid;
  return absl::OkStatus();
}

absl::StatusOr<int> ClientCommand::Run(const Console& console) {
  auto daemon = AdminClient::Connect(console.daemons.front());
  if (!daemon.ok()) return daemon.status();
  const auto client = (*daemon)->GetClient(pid_);
  if (!client.ok()) return client.status();
  const auto info = (*daemon)->GetServerInfo();
  if (!info.ok()) return info.status();
  wsp::v1::ListSocketsRequest request;
  request.set_pid(pid_);
  const auto sockets = (*daemon)->ListSockets(request);
  if (!sockets.ok()) return sockets.status();
  wsp::v1::ListNamesRequest of_names;
  of_names.set_client_id(client->client().client_id());
  auto names = (*daemon)->ListNames(of_names);
  // An older daemon doesn't know.
  if (absl::IsUnimplemented(names.status())) names.emplace();
  if (!names.ok()) return names.status();
  if (console.json) {
    *console.out << FormatClientJson(client->client(), *sockets, *names);
    return kExitOk;
  }
  *console.out << FormatClient(client->client(), info->limits(),
                               {absl::Now(), console.names.get()});
  if (sockets->sockets_size() > 0) {
    *console.out << "\n"
                 << FormatSockets(*sockets, {absl::Now(), console.names.get()},
                                  console.style);
  }
  if (names->names_size() > 0) {
    *console.out << "\n"
                 << NamePrinter(NameTable(), false, console.style)
                        .Format(*names, {absl::Now(), console.names.get()});
  }
  return kExitOk;
}

}  // namespace wspd
