#include "daemon/wspctl/daemon_address.h"

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace wspd {
namespace {

bool IsEndpoint(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) return false;
  uint32_t port = 0;
  return absl::SimpleAtoi(text.substr(colon + 1), &port) && port >= 1 &&
         port <= 0xffff &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == ':' ||
                  c == '[' || c == ']' || c == '_' || c == '%';
         });
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseEndpoints(
    absl::string_view text) {
  std::vector<std::string> endpoints;
  for (const absl::string_view one : absl::StrSplit(text, ',')) {
    if (!IsEndpoint(one)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", one, "\" is not an endpoint: HOST:PORT, [::1]:7443"));
    }
    endpoints.emplace_back(one);
  }
  return endpoints;
}

std::string WithEndpoint(absl::string_view json, absl::string_view endpoint) {
  if (endpoint.empty()) return std::string(json);
  const bool is_empty = json == "{}";
  return absl::StrCat("{\"endpoint\":\"", endpoint, "\"", is_empty ? "" : ",",
                      json.substr(1));
}

}  // namespace wspd
