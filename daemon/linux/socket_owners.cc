#include "daemon/linux/socket_owners.h"

namespace wspd {

std::shared_ptr<SocketOwners> SocketOwners::Create() {
  return std::shared_ptr<SocketOwners>(new SocketOwners);
}

std::shared_ptr<SocketOwner> SocketOwners::Of(const ProcessKey& key,
                                              const PeerIdentity& identity) {
  absl::MutexLock lock(&mu_);
  std::weak_ptr<SocketOwner>& entry = owners_[key];
  if (auto owner = entry.lock()) return owner;
  std::shared_ptr<SocketOwner> owner(
      new SocketOwner(identity.pid, identity.uid),
      [weak = weak_from_this(), key](SocketOwner* raw) {
        delete raw;
        if (auto self = weak.lock()) self->Forget(key);
      });
  entry = owner;
  return owner;
}

void SocketOwners::Forget(const ProcessKey& key) {
  absl::MutexLock lock(&mu_);
  // Unless there is a new one already.
  auto found = owners_.find(key);
  if (found != owners_.end() && found->second.expired()) owners_.erase(found);
}

}  // namespace wspd
