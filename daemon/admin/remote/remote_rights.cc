#include "daemon/admin/remote/remote_rights.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "daemon/base/utf8.h"

namespace wspd {

bool IsCertificateName(absl::string_view name) {
  for (const char* prefix : {"DNS:", "URI:", "CN:"}) {
    if (!absl::ConsumePrefix(&name, prefix)) continue;
    return !name.empty() && ToValidUtf8(name) == name &&
           std::none_of(name.begin(), name.end(),
                        [](unsigned char c) { return absl::ascii_iscntrl(c); });
  }
  return false;
}

RemoteRights::Level RemoteRights::Of(
    const std::vector<std::string>& names) const {
  const auto has_one = [&names](const auto& set) {
    return std::any_of(names.begin(), names.end(),
                       [&set](const auto& name) { return set.contains(name); });
  };
  if (has_one(administrators_)) return Level::kAdministrator;
  return has_one(readers_) ? Level::kReader : Level::kNone;
}

}  // namespace wspd
