#include "daemon/winsock/address_table.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace wspd {
namespace {

constexpr uint32_t kInUse = kWsaAddrInUse;
constexpr uint32_t kAccess = kWsaAcces;

// By how the old bind uses its address, and the new one.
using Verdicts = uint32_t[3][3];
// By how the new one's address lies to the old one's.
constexpr Verdicts kOfOneUser[3] = {
    // The same.
    {{kInUse, kAccess, kInUse}, {kInUse, 0, kInUse}, {kInUse, kAccess, kInUse}},
    // Within: the new one has it then. Only exclusive use forbids that.
    {{0, 0, 0}, {0, 0, 0}, {kAccess, kAccess, kAccess}},
    // Around: the new one has the rest, which isn't all, as exclusive use asks.
    {{0, 0, kInUse}, {0, 0, kInUse}, {0, 0, kInUse}},
};
// Nobody gets another user's address, or a part of it.
constexpr Verdicts kOfTwoUsers[3] = {
    {{kInUse, kAccess, kInUse},
     {kInUse, kAccess, kInUse},
     {kInUse, kAccess, kInUse}},
    {{kAccess, kAccess, kAccess},
     {kAccess, kAccess, kAccess},
     {kAccess, kAccess, kAccess}},
    {{0, 0, kInUse}, {0, 0, kInUse}, {0, 0, kInUse}},
};

}  // namespace

// ------------------------------------------------------------------- ranges

AddressTable::Range AddressTable::Range::Of(const Bind& bind) {
  Range range{};
  const NetAddress& address = bind.address;
  if (address.family() == AF_INET) {
    range.kind = address.is_any() ? Kind::kAnyIpv4 : Kind::kIpv4;
    memcpy(range.address.data(), &address.v4().sin_addr, sizeof(in_addr));
    return range;
  }
  const in6_addr& ipv6 = address.v6().sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&ipv6)) {
    range.kind = address.is_any() ? Kind::kAnyIpv4 : Kind::kIpv4;
    memcpy(range.address.data(), &ipv6.s6_addr[12], sizeof(in_addr));
    return range;
  }
  if (address.is_any()) {
    range.kind = bind.v6_only ? Kind::kAnyIpv6 : Kind::kAny;
    return range;
  }
  range.kind = Kind::kIpv6;
  memcpy(range.address.data(), &ipv6, sizeof(ipv6));
  if (IN6_IS_ADDR_LINKLOCAL(&ipv6)) range.scope = address.v6().sin6_scope_id;
  return range;
}

bool AddressTable::Range::IsSame(const Range& other) const {
  const auto named = [](Kind kind) {
    return kind == Kind::kAny ? Kind::kAnyIpv6 : kind;
  };
  return named(kind) == named(other.kind) && address == other.address &&
         scope == other.scope;
}

bool AddressTable::Range::Contains(const Range& other) const {
  switch (kind) {
    case Kind::kAny:
      return true;
    case Kind::kAnyIpv4:
      return other.kind == Kind::kIpv4;
    case Kind::kAnyIpv6:
      return other.kind == Kind::kIpv6;
    case Kind::kIpv4:
    case Kind::kIpv6:
      break;
  }
  return false;
}

WsaError AddressTable::Judge(const Record& old, const Record& added) {
  Lie lie;
  if (old.range.IsSame(added.range)) {
    lie = kSame;
  } else if (old.range.Contains(added.range)) {
    lie = kWithin;
  } else if (added.range.Contains(old.range)) {
    lie = kAround;
  } else {
    return 0;
  }
  if (old.use == Use::kLinux || added.use == Use::kLinux) {
    const bool kernels = old.use == added.use && old.uid == added.uid;
    return kernels ? 0 : kInUse;
  }
  const Verdicts& verdicts =
      old.uid == added.uid ? kOfOneUser[lie] : kOfTwoUsers[lie];
  return verdicts[static_cast<int>(old.use)][static_cast<int>(added.use)];
}

// -------------------------------------------------------------------- holds

// A record in the table, until nobody holds it.
class AddressTable::Taken {
 public:
  Taken(std::shared_ptr<AddressTable> table, const Key& key,
        const Record& record)
      : record_(record), key_(key), table_(std::move(table)) {}
  ~Taken() { table_->Remove(key_, &record_); }
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;

  const Record& record() const { return record_; }

 private:
  const Record record_;
  const Key key_;
  const std::shared_ptr<AddressTable> table_;
};

std::shared_ptr<AddressTable> AddressTable::Create() {
  return std::shared_ptr<AddressTable>(new AddressTable);
}

WsaError AddressTable::Take(const Bind& bind, Hold* hold, bool* anothers) {
  return Enter(bind, false, hold, anothers);
}

AddressTable::Hold AddressTable::TakeChosen(const Bind& bind, bool* alone) {
  Hold hold;
  *alone = Enter(bind, true, &hold).ok();
  return hold;
}

WsaError AddressTable::Enter(const Bind& bind, bool force, Hold* hold,
                             bool* anothers) {
  const Key key = {bind.type, bind.address.port()};
  const Record added{Range::Of(bind), bind.use, bind.uid};
  // Goes outside the lock if it isn't to be.
  auto taken = std::make_shared<Taken>(shared_from_this(), key, added);
  Shard& shard = ShardOf(key);
  absl::MutexLock lock(&shard.mu);
  std::vector<const Record*>& records = shard.records[key];
  WsaError error = 0;
  for (const Record* old : records) {
    if (error = Judge(*old, added); error.ok()) continue;
    if (anothers != nullptr) *anothers = old->uid != added.uid;
    break;
  }
  if (!error.ok() && !force) return error;
  records.push_back(&taken->record());
  *hold = std::move(taken);
  return error;
}

void AddressTable::Remove(const Key& key, const Record* record) {
  Shard& shard = ShardOf(key);
  absl::MutexLock lock(&shard.mu);
  auto found = shard.records.find(key);
  if (found == shard.records.end()) return;
  std::vector<const Record*>& records = found->second;
  records.erase(std::remove(records.begin(), records.end(), record),
                records.end());
  if (records.empty()) shard.records.erase(found);
}

size_t AddressTable::size() const {
  size_t size = 0;
  for (const Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mu);
    for (const auto& [key, records] : shard.records) size += records.size();
  }
  return size;
}

}  // namespace wspd
