#include "daemon/wspctl/reset_command.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/format.h"

namespace wspd {
namespace {

absl::Status ParseSocketName(absl::string_view word,
                             wsp::v1::ResetSocketRequest* request) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(word, absl::MaxSplits('/', 1));
  const bool has_client = absl::StrContains(word, '/');
  absl::string_view digits = has_client ? parts.second : parts.first;
  uint64_t client = 0;
  const bool good_client =
      !has_client || absl::SimpleAtoi(parts.first, &client);
  const bool by_cookie = absl::ConsumePrefix(&digits, "sk:");
  const bool plain =
      !digits.empty() &&
      std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit);
  uint64_t number = 0;
  if (!good_client || !plain || !absl::SimpleHexAtoi(digits, &number) ||
      number == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", word,
        "\" is not a socket: a hexadecimal number as \"sockets\" shows it, or "
        "\"sk:\" and a cookie, perhaps after \"CLIENT/\""));
  }
  request->set_client_id(client);
  if (by_cookie) {
    request->set_cookie(number);
  } else {
    request->set_socket_id(number);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ResetCommand::TakeWords(const std::vector<std::string>& words) {
  if (words.empty()) return absl::InvalidArgumentError("which socket?");
  absl::Status status = RefuseWordsAfter(1, words);
  if (!status.ok()) return status;
  return ParseSocketName(words[0], &request_);
}

absl::StatusOr<int> ResetCommand::Run(const Console& console) {
  auto client = AdminClient::Connect(console.socket);
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
