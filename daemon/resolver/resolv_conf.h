#ifndef WSPD_DAEMON_RESOLVER_RESOLV_CONF_H_
#define WSPD_DAEMON_RESOLVER_RESOLV_CONF_H_

#include "absl/strings/string_view.h"

namespace wspd {

// What resolv.conf(5) says of time: "options timeout:N attempts:N". The rest of
// the file c-ares reads, which doesn't know these two.
struct ResolvConf {
  ResolvConf() = default;
  explicit ResolvConf(absl::string_view text);

  // Of the first round; each further one waits twice as long. 1 to 30.
  int timeout_seconds = 5;
  // Rounds over all servers, 1 to 5.
  int attempts = 2;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RESOLVER_RESOLV_CONF_H_
