#include "daemon/linux/socket_owners.h"

#include <errno.h>
#include <unistd.h>

#include <iterator>

namespace wspd {

bool SocketUser::CountSocket() {
  const uint32_t before = sockets.fetch_add(1, std::memory_order_relaxed);
  if (!is_limited() || before < limits->get().sockets) return true;
  UncountSockets(1);
  return false;
}

int SocketOwner::Count(uint32_t most, uint32_t others) {
  if (sockets.fetch_add(1, std::memory_order_relaxed) + others >= most) {
    sockets.fetch_sub(1, std::memory_order_relaxed);
    return EMFILE;
  }
  if (user->CountSocket()) return 0;
  sockets.fetch_sub(1, std::memory_order_relaxed);
  return ENFILE;
}

void SocketOwner::Uncount() {
  sockets.fetch_sub(1, std::memory_order_relaxed);
  user->UncountSockets(1);
}

std::shared_ptr<SocketOwners> SocketOwners::Create(
    const UserLimits& user_limits, const Rates& client_rates) {
  return std::shared_ptr<SocketOwners>(
      new SocketOwners(user_limits, client_rates));
}

void SocketOwners::SetLimits(const UserLimits& user_limits,
                             const Rates& client_rates) {
  absl::MutexLock lock(&mu_);
  const int64_t now = RateQuota::NowNs();
  user_limits_->Set(user_limits);
  client_rates_ = client_rates;
  for (const auto& [uid, rates] : rates_) rates->Set(user_limits.rates, now);
  for (const auto& [key, own] : own_rates_) own.rates->Set(client_rates, now);
}

bool SocketOwners::HasRates(uid_t uid) const {
  absl::MutexLock lock(&mu_);
  return client_rates_.any() ||
         (user_limits_->get().rates.any() && IsLimited(uid));
}

bool SocketOwners::IsLimited(uid_t uid) { return uid != 0 && uid != geteuid(); }

std::shared_ptr<SocketOwner> SocketOwners::Of(const ProcessKey& key,
                                              const PeerIdentity& identity) {
  absl::MutexLock lock(&mu_);
  std::weak_ptr<SocketOwner>& entry = owners_[key];
  if (auto owner = entry.lock()) return owner;
  std::shared_ptr<SocketUser> user = UserLocked(identity.uid);
  std::shared_ptr<RateQuota> quota =
      RateQuota::Of(OwnRatesLocked(key), user->rates, user->waits);
  std::shared_ptr<SocketOwner> owner(
      new SocketOwner(identity.pid, identity.uid, std::move(user),
                      std::move(quota)),
      [weak = weak_from_this(), key](SocketOwner* raw) {
        const uid_t uid = raw->uid;
        delete raw;
        if (auto self = weak.lock()) self->Forget(key, uid);
      });
  entry = owner;
  return owner;
}

std::shared_ptr<SocketUser> SocketOwners::UserLocked(uid_t uid) {
  std::weak_ptr<SocketUser>& entry = users_[uid];
  if (auto user = entry.lock()) return user;
  std::shared_ptr<SocketUser> user =
      IsLimited(uid)
          ? std::make_shared<SocketUser>(user_limits_, RatesLocked(uid))
          : std::make_shared<SocketUser>(nullptr);
  entry = user;
  return user;
}

std::shared_ptr<RateBuckets> SocketOwners::RatesLocked(uid_t uid) {
  // Of those that are gone, what tells nothing any more.
  const int64_t now = RateQuota::NowNs();
  for (auto entry = rates_.begin(); entry != rates_.end();) {
    const auto next = std::next(entry);
    if (entry->second.use_count() == 1 && entry->second->full(now)) {
      rates_.erase(entry);
    }
    entry = next;
  }
  std::shared_ptr<RateBuckets>& rates = rates_[uid];
  if (rates == nullptr) {
    rates = std::make_shared<RateBuckets>(user_limits_->get().rates);
  }
  return rates;
}

std::shared_ptr<RateBuckets> SocketOwners::OwnRatesLocked(
    const ProcessKey& key) {
  OwnRates& own = own_rates_[key];
  if (own.left.has_value()) {
    left_.erase(*own.left);
    own.left.reset();
  }
  if (own.rates == nullptr) {
    own.rates = std::make_shared<RateBuckets>(client_rates_);
  }
  return own.rates;
}

void SocketOwners::LeaveOwnRatesLocked(const ProcessKey& key) {
  auto own = own_rates_.find(key);
  if (own == own_rates_.end() || own->second.left.has_value()) return;
  own->second.left = left_.insert(left_.end(), key);
  // Two: so that there are ever fewer, and nobody waits for a walk.
  const int64_t now = RateQuota::NowNs();
  for (int i = 0; i < 2 && !left_.empty(); ++i) {
    auto oldest = own_rates_.find(left_.front());
    if (left_.size() <= kMostLeft && !oldest->second.rates->full(now)) break;
    own_rates_.erase(oldest);
    left_.pop_front();
  }
}

void SocketOwners::Forget(const ProcessKey& key, uid_t uid) {
  absl::MutexLock lock(&mu_);
  // Unless there is a new one already.
  auto found = owners_.find(key);
  if (found != owners_.end() && found->second.expired()) {
    owners_.erase(found);
    LeaveOwnRatesLocked(key);
  }
  auto user = users_.find(uid);
  if (user != users_.end() && user->second.expired()) users_.erase(user);
}

}  // namespace wspd
