#ifndef WSPD_DAEMON_SESSION_NAME_HISTORY_H_
#define WSPD_DAEMON_SESSION_NAME_HISTORY_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/resolver/lookup.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// What became of a client's lookups of one host's name, of one family.
struct LookedUpName {
  // Of all names of all clients, in the order in which they were looked up for
  // the first time; from 1.
  uint64_t number = 0;
  // As host rules have it: in small letters, without a dot at its end.
  std::string name;
  // AF_INET, AF_INET6, or AF_UNSPEC for both.
  int family = AF_UNSPEC;
  // Of the last lookup that found something; the first ones, each once.
  std::string canonical_name;
  std::vector<NetAddress> addresses;
  // All of them.
  size_t address_count = 0;
  // Of the last lookup, as the client was told; 0: it found something.
  uint32_t wsa_error = 0;
  uint64_t lookups = 0;
  uint64_t failures = 0;
  absl::Time first_at;
  absl::Time last_at;
  // The last time that something was found.
  absl::Time found_at = absl::InfinitePast();
};

class ClientNames;

// What the clients have looked up, for operators: of each client the last
// names, and of each user. The rules' own memory, ResolvedHosts, is another
// one: it is by addresses, read with no lock at each call, copied at each
// change, and knows neither failures nor, where no rule names a host, anything.
//
// Thread-safe; no other lock is taken under this one's.
class NameHistory : public std::enable_shared_from_this<NameHistory> {
 public:
  // Of more names those are forgotten that were looked up the longest ago:
  // where a client has too many its own, else its user's, whoever that is.
  static constexpr size_t kMostOfClient = 256;
  static constexpr size_t kMostOfUser = 16384;
  // What is kept of an answer; with that a name takes at most about 1.5 KiB.
  static constexpr size_t kMostAddresses = 16;
  static constexpr size_t kMostNameBytes = 255;

  static std::shared_ptr<NameHistory> Create() {
    return std::shared_ptr<NameHistory>(new NameHistory());
  }

  // Where the names of a client of the user's are kept until that ends.
  std::unique_ptr<ClientNames> Of(uid_t uid);

 private:
  friend class ClientNames;

  struct Entry {
    ClientNames* client = nullptr;
    // Of the last lookup; a later one has a higher one, whatever the clock
    // says.
    uint64_t turn = 0;
    LookedUpName name;
  };
  // The one that was looked up the longest ago comes first.
  using Entries = std::list<Entry>;
  struct User {
    size_t clients = 0;
    Entries entries;
  };

  NameHistory() = default;

  void Forget(User* user, Entries::iterator entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Mutex mu_;
  uint64_t next_number_ ABSL_GUARDED_BY(mu_) = 1;
  uint64_t next_turn_ ABSL_GUARDED_BY(mu_) = 1;
  // Those that have clients.
  absl::flat_hash_map<uid_t, std::unique_ptr<User>> users_ ABSL_GUARDED_BY(mu_);
};

// The names of one client. Thread-safe.
class ClientNames {
 public:
  // Forgets them.
  ~ClientNames();

  ClientNames(const ClientNames&) = delete;
  ClientNames& operator=(const ClientNames&) = delete;

  // A lookup of `name` has ended, and the client is told `wsa_error`; if that
  // is 0, `answer`.
  void Note(absl::string_view name, int family, uint32_t wsa_error,
            const LookupAnswer& answer, absl::Time now);

  // Those with numbers above `after` and up to `last`, by their numbers.
  std::vector<LookedUpName> List(uint64_t after = 0,
                                 uint64_t last = UINT64_MAX) const;
  // The numbers above `after`, in no order.
  void AddNumbers(uint64_t after, std::vector<uint64_t>* numbers) const;

 private:
  friend class NameHistory;

  ClientNames(std::shared_ptr<NameHistory> history, uid_t uid,
              NameHistory::User* user)
      : history_(std::move(history)), uid_(uid), user_(user) {}

  // Makes room for a name, and keeps it.
  NameHistory::Entries::iterator AddLocked(std::string name, int family,
                                           absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(history_->mu_);

  const std::shared_ptr<NameHistory> history_;
  const uid_t uid_;
  // As long-lived as this.
  NameHistory::User* const user_;
  absl::flat_hash_map<std::pair<std::string, int>,
                      NameHistory::Entries::iterator>
      entries_ ABSL_GUARDED_BY(history_->mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_NAME_HISTORY_H_
