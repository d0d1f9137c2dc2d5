#include "daemon/wspctl/policy_command.h"

#include "daemon/wspctl/admin_client.h"

namespace wspd {

std::vector<Option> PolicyCommand::options() {
  const auto set = [](std::string* to) {
    return [to](absl::string_view value) {
      *to = std::string(value);
      return absl::OkStatus();
    };
  };
  return {
      {"--uid", "USER", "whom it is about, by name or number; the caller",
       set(&who_.uid)},
      {"--gid", "GROUP",
       "a group of theirs, the effective one first; those of the user",
       [this](absl::string_view value) {
         who_.gids.emplace_back(value);
         return absl::OkStatus();
       }},
      {"--cgroup", "PATH",
       "their control group. What isn't known fits rules that deny",
       set(&who_.cgroup)},
      {"--host", "NAME", "the name by which the address was found",
       set(&who_.host)},
  };
}

absl::Status PolicyCommand::TakeWords(const std::vector<std::string>& words) {
  return ParsePolicyTest(words, who_, &request_);
}

absl::StatusOr<int> PolicyCommand::Run(const Console& console) {
  auto client = AdminClient::Connect(console.daemons.front());
  if (!client.ok()) return client.status();
  const auto response = (*client)->TestPolicy(request_);
  if (!response.ok()) return response.status();
  *console.out << (console.json ? FormatPolicyAnswerJson(*response)
                                : FormatPolicyAnswer(*response));
  return response->allowed() ? kExitOk : kExitDenied;
}

}  // namespace wspd
