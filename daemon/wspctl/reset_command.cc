#include "daemon/wspctl/reset_command.h"

#include "absl/time/clock.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/format.h"
#include "daemon/wspctl/values.h"

namespace wspd {
absl::Status ResetCommand::TakeWords(const std::vector<std::string>& words) {
  if (words.empty()) return absl::InvalidArgumentError("which socket?");
  absl::Status status = RefuseWordsAfter(1, words);
  if (!status.ok()) return status;
  const auto name = ParseSocketName(words[0]);
  if (!name.ok()) return name.status();
  request_.set_client_id(name->client_id);
  request_.set_socket_id(name->socket_id);
  request_.set_cookie(name->cookie);
  return absl::OkStatus();
}

absl::StatusOr<int> ResetCommand::Run(const Console& console) {
  auto client = AdminClient::Connect(console.daemons.front());
  if (!client.ok()) return client.status();
  const auto response = (*client)->ResetSocket(request_);
  if (!response.ok()) return response.status();
  wsp::v1::ListSocketsResponse one;
  *one.add_sockets() = response->socket();
  *console.out << (console.json
                       ? FormatSocketsJson(one)
                       : FormatSockets(one, {absl::Now(), console.names.get()},
                                       console.style));
  return kExitOk;
}

}  // namespace wspd
