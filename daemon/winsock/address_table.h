#ifndef WSPD_DAEMON_WINSOCK_ADDRESS_TABLE_H_
#define WSPD_DAEMON_WINSOCK_ADDRESS_TABLE_H_

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "daemon/socket/net_address.h"
#include "daemon/winsock/wsa_error.h"

namespace wspd {

// Which local addresses are bound, how, and for whom; and by that, who may bind
// another one (reference, section 4.10, "Bind exclusivity"). The kernel can't
// be asked: all its sockets are the daemon's, whosever they are here, and its
// rules are others. Of relayed sockets it knows them, as it does of any Linux
// program's, but for whose they are: that is what this says of those.
//
// What two binds to one port have to do with each other depends on how their
// addresses lie: the same, one within the other, or apart. 0.0.0.0 contains all
// of IPv4; :: all of IPv6, and all of IPv4 too, and 0.0.0.0, if the socket is
// for both. ::ffff:a.b.c.d is the IPv4 address.
//
// Sockets that WSPConnect binds by itself are not in here: their ports are the
// kernel's choice, and it lets nobody else have them.
//
// Thread-safe. A lock is for a part of the ports, and held for a look only.
class AddressTable : public std::enable_shared_from_this<AddressTable> {
 public:
  enum class Use : uint8_t {
    kDefault,
    // SO_REUSEADDR, SO_EXCLUSIVEADDRUSE.
    kReuse,
    kExclusive,
    // Of a Linux program: two of one user's are the kernel's affair, and all
    // others share nothing.
    kLinux,
  };
  struct Bind {
    // SOCK_STREAM or SOCK_DGRAM, whose ports are different ones; of another
    // protocol with ports of its own a number above these.
    int type;
    // With a port.
    NetAddress address;
    // IPV6_V6ONLY, for an IPv6 address.
    bool v6_only;
    Use use;
    // Whose the socket is.
    uid_t uid;
  };
  // The address is taken for as long as somebody has this; to be let go of when
  // the kernel's socket is closed, not before. May outlive all but the table's
  // owner.
  using Hold = std::shared_ptr<const void>;

  static std::shared_ptr<AddressTable> Create();

  // Takes the address, before the kernel's bind. 0; WSAEADDRINUSE; or
  // WSAEACCES, where it would be taken away from somebody who doesn't share it.
  // `anothers`, which may be null: whether it is refused since another user has
  // it, or a part of it.
  WsaError Take(const Bind& bind, Hold* hold, bool* anothers = nullptr);
  // After a kernel's bind that chose the port, so that nobody else has it.
  // `alone`: nobody who may not share it is about to bind to it. Else the
  // kernel's socket must not share its address with any, so that he can't.
  Hold TakeChosen(const Bind& bind, bool* alone);

  // For tests.
  size_t size() const;

 private:
  // The addresses that a socket is bound to.
  struct Range {
    enum class Kind : uint8_t { kIpv4, kIpv6, kAnyIpv4, kAnyIpv6, kAny };
    Kind kind;
    // Of kIpv4 the first four count.
    std::array<uint8_t, 16> address;
    // Of a link-local kIpv6.
    uint32_t scope;

    static Range Of(const Bind& bind);
    // :: is the same address for both families and for one.
    bool IsSame(const Range& other) const;
    // Of ranges that aren't the same.
    bool Contains(const Range& other) const;
  };
  struct Record {
    Range range;
    Use use;
    uid_t uid;
  };
  // How a new bind's addresses lie to an old one's, if they aren't apart.
  enum Lie : uint8_t { kSame, kWithin, kAround };
  class Taken;
  // SOCK_* and port.
  using Key = std::pair<int, uint16_t>;
  struct Shard {
    mutable absl::Mutex mu;
    absl::flat_hash_map<Key, std::vector<const Record*>> records
        ABSL_GUARDED_BY(mu);
  };
  static constexpr size_t kShards = 64;

  AddressTable() = default;

  static WsaError Judge(const Record& old, const Record& added);
  Shard& ShardOf(const Key& key) { return shards_[key.second % kShards]; }
  // Enters it also if somebody has it, with `force`.
  WsaError Enter(const Bind& bind, bool force, Hold* hold,
                 bool* anothers = nullptr);
  void Remove(const Key& key, const Record* record);

  std::array<Shard, kShards> shards_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_ADDRESS_TABLE_H_
