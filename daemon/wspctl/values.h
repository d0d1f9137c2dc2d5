#ifndef WSPD_DAEMON_WSPCTL_VALUES_H_
#define WSPD_DAEMON_WSPCTL_VALUES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace wspd {

// Values of options and words that several commands have. INVALID_ARGUMENT with
// a line for the user.

absl::StatusOr<int> ParsePid(absl::string_view text);

// From 1 to `most`; `what` says what it is: "a port".
absl::Status ParseNumber(absl::string_view text, absl::string_view what,
                         uint32_t most, uint32_t* number);

// Names or numbers of users, separated by commas.
absl::StatusOr<std::vector<uint32_t>> ParseUsers(absl::string_view text);

// A client's number, as `clients` shows it.
absl::StatusOr<uint64_t> ParseClientNumber(absl::string_view text);

// A socket as `sockets` shows it: by its number or its cookie, the other is 0.
struct SocketName {
  // 0: not said.
  uint64_t client_id = 0;
  uint64_t socket_id = 0;
  uint64_t cookie = 0;
};
absl::StatusOr<SocketName> ParseSocketName(absl::string_view text);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_VALUES_H_
