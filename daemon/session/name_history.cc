#include "daemon/session/name_history.h"

#include <iterator>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_set.h"
#include "absl/numeric/int128.h"
#include "daemon/policy/host_pattern.h"
#include "daemon/policy/ip_prefix.h"

namespace wspd {
namespace {

// What is kept of an answer.
struct Found {
  explicit Found(const LookupAnswer& answer)
      : canonical_name(
            answer.canonical_name.substr(0, NameHistory::kMostNameBytes)) {
    // Where a service has two transports, each address is there twice.
    absl::flat_hash_set<std::pair<bool, absl::uint128>> seen;
    for (const LookupAnswer::Address& each : answer.addresses) {
      const IpAddress address = ToIpAddress(each.address);
      if (!seen.emplace(address.v6, address.bits).second) continue;
      if (addresses.size() == NameHistory::kMostAddresses) continue;
      addresses.push_back(each.address);
    }
    address_count = seen.size();
  }

  std::string canonical_name;
  std::vector<NetAddress> addresses;
  size_t address_count = 0;
};

}  // namespace

std::unique_ptr<ClientNames> NameHistory::Of(uid_t uid) {
  absl::MutexLock lock(&mu_);
  std::unique_ptr<User>& user = users_[uid];
  if (user == nullptr) user = std::make_unique<User>();
  ++user->clients;
  return std::unique_ptr<ClientNames>(
      new ClientNames(shared_from_this(), uid, user.get()));
}

ClientNames::~ClientNames() {
  absl::MutexLock lock(&history_->mu_);
  for (const auto& [key, entry] : entries_) user_->entries.erase(entry);
  if (--user_->clients == 0) history_->users_.erase(uid_);
}

void NameHistory::Forget(User* user, Entries::iterator entry) {
  ClientNames* const client = entry->client;
  // The same lock, which the analysis can't know.
  [client, entry]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    client->entries_.erase({entry->name.name, entry->name.family});
  }();
  user->entries.erase(entry);
}

NameHistory::Entries::iterator ClientNames::AddLocked(std::string name,
                                                      int family,
                                                      absl::Time now) {
  NameHistory::Entries& all = user_->entries;
  if (entries_.size() >= NameHistory::kMostOfClient) {
    const auto oldest =
        absl::c_min_element(entries_, [](const auto& one, const auto& other) {
          return one.second->turn < other.second->turn;
        });
    history_->Forget(user_, oldest->second);
  } else if (all.size() >= NameHistory::kMostOfUser) {
    history_->Forget(user_, all.begin());
  }
  NameHistory::Entry& entry = all.emplace_back();
  entry.client = this;
  entry.name.number = history_->next_number_++;
  entry.name.name = name;
  entry.name.family = family;
  entry.name.first_at = now;
  const auto place = std::prev(all.end());
  entries_.emplace(std::make_pair(std::move(name), family), place);
  return place;
}

void ClientNames::Note(absl::string_view name, int family, uint32_t wsa_error,
                       const LookupAnswer& answer, absl::Time now) {
  std::string host = CanonicalHost(name);
  Found kept(answer);
  absl::MutexLock lock(&history_->mu_);
  const auto found = entries_.find({host, family});
  const auto entry = found == entries_.end()
                         ? AddLocked(std::move(host), family, now)
                         : found->second;
  user_->entries.splice(user_->entries.end(), user_->entries, entry);
  entry->turn = history_->next_turn_++;
  LookedUpName& record = entry->name;
  record.last_at = now;
  record.wsa_error = wsa_error;
  ++record.lookups;
  if (wsa_error != 0) {
    ++record.failures;
    return;
  }
  record.found_at = now;
  record.canonical_name = std::move(kept.canonical_name);
  record.addresses = std::move(kept.addresses);
  record.address_count = kept.address_count;
}

std::vector<LookedUpName> ClientNames::List(uint64_t after,
                                            uint64_t last) const {
  std::vector<LookedUpName> names;
  {
    absl::MutexLock lock(&history_->mu_);
    for (const auto& [key, entry] : entries_) {
      const LookedUpName& name = entry->name;
      if (name.number > after && name.number <= last) names.push_back(name);
    }
  }
  absl::c_sort(names, [](const LookedUpName& one, const LookedUpName& other) {
    return one.number < other.number;
  });
  return names;
}

void ClientNames::AddNumbers(uint64_t after,
                             std::vector<uint64_t>* numbers) const {
  absl::MutexLock lock(&history_->mu_);
  for (const auto& [key, entry] : entries_) {
    if (entry->name.number > after) numbers->push_back(entry->name.number);
  }
}

}  // namespace wspd
