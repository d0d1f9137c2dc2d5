#include "daemon/wspctl/sockets_command.h"

#include "absl/time/clock.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/format.h"
#include "daemon/wspctl/values.h"

namespace wspd {

absl::Status SocketsCommand::TakeWords(const std::vector<std::string>& words) {
  absl::Status status = RefuseWordsAfter(1, words);
  if (!status.ok() || words.empty()) return status;
  const auto pid = ParsePid(words[0]);
  if (!pid.ok()) return pid.status();
  request_.set_pid(*pid);
  return absl::OkStatus();
}

absl::StatusOr<int> SocketsCommand::Run(const Console& console) {
  auto client = AdminClient::Connect(console.socket);
  if (!client.ok()) return client.status();
  const auto response = (*client)->ListSockets(request_);
  if (!response.ok()) return response.status();
  *console.out << (console.json ? FormatSocketsJson(*response)
                                : FormatSockets(*response, absl::Now()));
  return kExitOk;
}

}  // namespace wspd
