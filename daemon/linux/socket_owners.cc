#include "daemon/linux/socket_owners.h"

#include <errno.h>
#include <unistd.h>

namespace wspd {

int SocketOwner::Count(uint32_t most, uint32_t others) {
  if (sockets.fetch_add(1, std::memory_order_relaxed) + others >= most) {
    sockets.fetch_sub(1, std::memory_order_relaxed);
    return EMFILE;
  }
  if (user->sockets.fetch_add(1, std::memory_order_relaxed) >=
      user->most_sockets) {
    Uncount();
    return ENFILE;
  }
  return 0;
}

void SocketOwner::Uncount() {
  sockets.fetch_sub(1, std::memory_order_relaxed);
  user->sockets.fetch_sub(1, std::memory_order_relaxed);
}

std::shared_ptr<SocketOwners> SocketOwners::Create(uint32_t sockets_per_user,
                                                   uint32_t bytes_per_second) {
  return std::shared_ptr<SocketOwners>(
      new SocketOwners(sockets_per_user, bytes_per_second));
}

std::shared_ptr<SocketOwner> SocketOwners::Of(const ProcessKey& key,
                                              const PeerIdentity& identity) {
  absl::MutexLock lock(&mu_);
  std::weak_ptr<SocketOwner>& entry = owners_[key];
  if (auto owner = entry.lock()) return owner;
  std::shared_ptr<SocketOwner> owner(
      new SocketOwner(identity.pid, identity.uid, UserLocked(identity.uid),
                      has_quota()
                          ? std::make_unique<ByteQuota>(bytes_per_second_)
                          : nullptr),
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
  const bool limited = uid != 0 && uid != geteuid();
  auto user =
      std::make_shared<SocketUser>(limited ? sockets_per_user_ : UINT32_MAX);
  entry = user;
  return user;
}

void SocketOwners::Forget(const ProcessKey& key, uid_t uid) {
  absl::MutexLock lock(&mu_);
  // Unless there is a new one already.
  auto found = owners_.find(key);
  if (found != owners_.end() && found->second.expired()) owners_.erase(found);
  auto user = users_.find(uid);
  if (user != users_.end() && user->second.expired()) users_.erase(user);
}

}  // namespace wspd
