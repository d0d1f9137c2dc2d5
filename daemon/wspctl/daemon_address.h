#ifndef WSPD_DAEMON_WSPCTL_DAEMON_ADDRESS_H_
#define WSPD_DAEMON_WSPCTL_DAEMON_ADDRESS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace wspd {

// Where a daemon is asked.
struct DaemonAddress {
  DaemonAddress() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): most are on this system.
  DaemonAddress(std::string path) : socket(std::move(path)) {}

  // The path of its admin socket; empty: it is elsewhere.
  std::string socket;
  // "HOST:PORT", and paths of PEM files: whose certificate it has to have (the
  // system's authorities if that is empty), and one's own.
  std::string endpoint;
  std::string ca;
  std::string certificate;
  std::string key;
  // The name that its certificate has to have; empty: HOST.
  std::string server_name;
};

// Reads "HOST:PORT,HOST:PORT...". INVALID_ARGUMENT with a line for the user.
absl::StatusOr<std::vector<std::string>> ParseEndpoints(absl::string_view text);

// A JSON object with its daemon's endpoint before the other fields.
std::string WithEndpoint(absl::string_view json, absl::string_view endpoint);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_DAEMON_ADDRESS_H_
