#ifndef WSPD_DAEMON_RESOLVER_HOST_TABLE_H_
#define WSPD_DAEMON_RESOLVER_HOST_TABLE_H_

#include <netinet/in.h>

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// An address in numbers, as inet_pton takes it, without a port; an empty one if
// `text` is none.
NetAddress ParseNumericAddress(absl::string_view text);

// A hosts file, /etc/hosts in general: "ADDRESS NAME ALIAS... # comment". Names
// are compared without regard to case and to a dot at their end. Lines that
// aren't like that are left out, and names that aren't printable ASCII.
class HostTable {
 public:
  HostTable() = default;
  explicit HostTable(absl::string_view text);

  struct Host {
    std::string canonical_name;
    std::vector<std::string> aliases;
    // In the file's order.
    std::vector<NetAddress> addresses;
  };

  // Everything that the lines with this name say of addresses of `family`
  // (AF_UNSPEC: of both). The first such line has the canonical name. False if
  // there is none.
  bool FindName(absl::string_view name, int family, Host* host) const;

  // The first line with this address; ports are ignored.
  bool FindAddress(const NetAddress& address, Host* host) const;

 private:
  struct Line {
    NetAddress address;
    // The canonical name first.
    std::vector<std::string> names;
  };

  void AddLine(absl::string_view text);

  std::vector<Line> lines_;
  // By names in lower case and by address bytes; indexes into lines_.
  absl::flat_hash_map<std::string, std::vector<size_t>> by_name_;
  absl::flat_hash_map<std::string, size_t> by_address_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RESOLVER_HOST_TABLE_H_
