#ifndef WSPD_DAEMON_RESOLVER_SERVICE_TABLE_H_
#define WSPD_DAEMON_RESOLVER_SERVICE_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "daemon/resolver/lookup.h"

namespace wspd {

// A services file, /etc/services in general: "NAME PORT/tcp ALIAS... #
// comment". Names are compared exactly. Lines that aren't like that are left
// out, and transports other than TCP and UDP.
class ServiceTable {
 public:
  ServiceTable() = default;
  explicit ServiceTable(absl::string_view text);

  // The services with this name or alias, for `type` (0: for both), at most one
  // each, TCP first.
  std::vector<LookupService> FindName(absl::string_view name, int type) const;
  // The same by port. One that the file doesn't have is there without a name.
  std::vector<LookupService> FindPort(uint16_t port, int type) const;
  // `service` is a decimal number, which no name is, or a name.
  std::vector<LookupService> Find(absl::string_view service, int type) const;

 private:
  void AddLine(absl::string_view text);
  const LookupService* FindOne(const std::string& key) const;

  std::vector<LookupService> services_;
  // By "NAME/TYPE" and "PORT/TYPE"; indexes into services_.
  absl::flat_hash_map<std::string, size_t> by_key_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RESOLVER_SERVICE_TABLE_H_
