#ifndef WSPD_DAEMON_POLICY_RESOLVED_HOSTS_H_
#define WSPD_DAEMON_POLICY_RESOLVED_HOSTS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/numeric/int128.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "daemon/policy/ip_prefix.h"
#include "daemon/policy/published.h"

namespace wspd {

// By which host names the daemon has found an address for one client. Each
// holds for a stated time. Of more addresses than are kept those are forgotten
// that were found the longest ago.
//
// Thread-safe. To read takes no lock; to add makes a new table.
class ResolvedHosts {
 private:
  struct Entry {
    // The one found last comes first, so that those that still hold do.
    std::vector<std::string> hosts;
    std::vector<absl::Time> until;
  };
  // IPv4 as IPv6 has it.
  using Entries =
      absl::flat_hash_map<absl::uint128, std::shared_ptr<const Entry>>;

 public:
  static constexpr size_t kMostAddresses = 1024;
  static constexpr size_t kMostHostsOfAddress = 8;

  // How long a name holds after it was found.
  static absl::Duration Lifetime() { return absl::Hours(1); }

  // `hosts` (CanonicalHost()s) were found at `addresses`.
  void Add(absl::Span<const std::string> hosts,
           absl::Span<const IpAddress> addresses, absl::Time now);

  // Short-lived; on the stack.
  class Reader {
   public:
    explicit Reader(const ResolvedHosts& hosts) : entries_(hosts.entries_) {}

    // The names of an address. They live as long as the reader.
    absl::Span<const std::string> Find(const IpAddress& address,
                                       absl::Time now) const;

   private:
    const Published<Entries>::Reader entries_;
  };

 private:
  static void Forget(absl::Time now, Entries* entries);

  absl::Mutex mu_;
  Published<Entries> entries_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_RESOLVED_HOSTS_H_
