#include "daemon/wspctl/values.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/config/user.h"

namespace wspd {

absl::StatusOr<int> ParsePid(absl::string_view text) {
  int pid = 0;
  if (absl::SimpleAtoi(text, &pid) && pid > 0) return pid;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a pid"));
}

absl::Status ParseNumber(absl::string_view text, absl::string_view what,
                         uint32_t most, uint32_t* number) {
  if (absl::SimpleAtoi(text, number) && *number >= 1 && *number <= most) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not ", what, ", which is 1 to ", most));
}

absl::StatusOr<std::vector<uint32_t>> ParseUsers(absl::string_view text) {
  std::vector<uint32_t> uids;
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    const auto uid = ResolveUser(name);
    if (!uid.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", name, "\" is not a user: ", uid.status().message()));
    }
    uids.push_back(*uid);
  }
  return uids;
}

absl::StatusOr<uint64_t> ParseClientNumber(absl::string_view text) {
  uint64_t client = 0;
  if (absl::SimpleAtoi(text, &client) && client != 0) return client;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text, "\" is no client's number, as \"clients\" shows it"));
}

absl::StatusOr<SocketName> ParseSocketName(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  const bool has_client = absl::StrContains(text, '/');
  absl::string_view digits = has_client ? parts.second : parts.first;
  SocketName name;
  const bool good_client =
      !has_client || absl::SimpleAtoi(parts.first, &name.client_id);
  const bool by_cookie = absl::ConsumePrefix(&digits, "sk:");
  const bool plain =
      !digits.empty() &&
      std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit);
  uint64_t* const number = by_cookie ? &name.cookie : &name.socket_id;
  if (good_client && plain && absl::SimpleHexAtoi(digits, number) &&
      *number != 0) {
    return name;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text,
      "\" is not a socket: a hexadecimal number as \"sockets\" shows it, or "
      "\"sk:\" and a cookie, perhaps after \"CLIENT/\""));
}

}  // namespace wspd
