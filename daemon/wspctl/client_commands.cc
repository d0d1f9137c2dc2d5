#include "daemon/wspctl/client_commands.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/ask_all.h"
#include "daemon/wspctl/field_table.h"
#include "daemon/wspctl/format.h"
#include "daemon/wspctl/name_table.h"
#include "daemon/wspctl/values.h"

namespace wspd {

absl::StatusOr<int> ClientsCommand::Run(const Console& console) {
  std::vector<ClientList> lists;
  Failures failures;
  using Answer = absl::StatusOr<wsp::v1::ListClientsResponse>;
  AskAll(
      console.daemons,
      [](const DaemonAddress& daemon) -> Answer {
        auto client = AdminClient::Connect(daemon);
        if (!client.ok()) return client.status();
        return (*client)->ListClients();
      },
      [&](const DaemonAddress& daemon, Answer answer) {
        if (!answer.ok()) return failures.Add(daemon, answer.status());
        lists.push_back({daemon.endpoint, *std::move(answer)});
      });
  if (!lists.empty()) {
    *console.out << (console.json
                         ? FormatClientsJson(lists)
                         : FormatClients(lists,
                                         {absl::Now(), console.names.get()},
                                         console.style));
  }
  if (auto status = failures.ToStatus(); !status.ok()) return status;
  return kExitOk;
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
