#ifndef WSPD_DAEMON_RELAY_RELAYED_SOCKETS_H_
#define WSPD_DAEMON_RELAY_RELAYED_SOCKETS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/journal/event_journal.h"
#include "daemon/relay/relay_loop.h"
#include "daemon/relay/relay_pair.h"
#include "daemon/relay/relayed_socket.h"
#include "daemon/winsock/address_table.h"
#include "proto/wsp/v1/linux.pb.h"

namespace wspd {

// The relayed sockets of all clients, by their numbers, and the loops that move
// their bytes. A socket stays on its loop.
//
// Thread-safe; no other lock is taken under this one's.
class RelayedSockets {
 public:
  struct Options {
    int loops = 1;
    // How long a closed socket may go on sending.
    absl::Duration linger_time = absl::Seconds(120);
    // Sockets of one owner; accepted connections above it wait. At first:
    // SetSocketsPerOwner().
    uint32_t sockets_per_owner = 4096;
    // Of all; one user may have half of them. So many that a quarter of the
    // daemon's descriptors is left for the rest.
    size_t most_sockets = MostSockets();
    // Which addresses are bound, of all clients' sockets.
    std::shared_ptr<AddressTable> addresses = AddressTable::Create();
    // Where the sockets' lives are written down, outliving them; null: nowhere.
    EventJournal* events = nullptr;

    static size_t MostSockets();
  };

  static absl::StatusOr<std::unique_ptr<RelayedSockets>> Create(
      const Options& options);
  // As Stop().
  ~RelayedSockets();

  // Ends all: programs see the end of their sockets, peers that of the
  // connections.
  void Stop();

  const Options& options() const { return options_; }

  // From now on. Who has more keeps them; what waits looks again by itself.
  void SetSocketsPerOwner(uint32_t most) {
    sockets_per_owner_.store(most, std::memory_order_relaxed);
  }
  uint32_t sockets_per_owner() const {
    return sockets_per_owner_.load(std::memory_order_relaxed);
  }

  size_t loops() const { return loops_.size(); }
  // RelayLoop::Ask() of one of them. Not after Stop().
  void AskLoop(size_t index, std::function<void()> answer) const {
    loops_[index]->Ask(std::move(answer));
  }

  // Makes a socket for `owner`, who may do what `access` says, and which has
  // counted it already: its end, and a failure, take one off. `program` is the
  // program's end, which the caller hands on. Returns errno: as
  // OpenLinuxSocket(), or of the pair.
  int Make(const wsp::v1::LinuxSocketRequest& request, uint64_t socket_id,
           std::shared_ptr<SocketOwner> owner, OwnedFd* program,
           std::shared_ptr<RelayedSocket>* made,
           std::shared_ptr<const ClientAccess> access =
               ClientAccess::Unrestricted());

  // The same for a connection that the socket `listener` has accepted.
  int MakeAccepted(const RelayedSocketInfo& listener, OwnedFd real,
                   const RelayedEndpoints& endpoints, OwnedFd* program,
                   std::shared_ptr<RelayedSocket>* made);

  // Null if there is none, or not any more.
  std::shared_ptr<RelayedSocket> Find(uint64_t number) const;

  // Whether the loop has yet to see that a socket's program's end was closed
  // with something unread. None while another thread works on it.
  std::optional<bool> HasLeftUnread(uint64_t number) const;
  // Tells those that the listener `number` has accepted that it has.
  void TellAccepted(uint64_t number) const;

  // Whether the user may have one more: each costs the daemon two descriptors.
  bool HasRoom(const SocketUser& user) const;

  // In no order.
  std::vector<std::shared_ptr<RelayedSocket>> List() const;
  size_t size() const;

  // The socket has its port().
  void EnterPort(const RelayedSocket& socket);
  // Frees addresses with this port of the owner's sockets whose programs' ends
  // are closed by now; of some of them if there are many.
  void CloseLeft(const SocketOwner& owner, uint16_t port) const;

  // For sockets that end. Returns the table's hold.
  std::shared_ptr<RelayedSocket> Remove(const RelayedSocket& socket);

  // Of all sockets that there are and were.
  void SumBytes(uint64_t* sent, uint64_t* received) const;

 private:
  RelayedSockets(const Options& options,
                 std::vector<std::unique_ptr<RelayLoop>> loops);

  void TakeOffIndexesLocked(const RelayedSocket& socket)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void Uncount(const RelayedSocketInfo& info);

  // Gives the socket its number, too.
  int MakePair(RelayedSocketInfo* info, bool nonblocking, RelayPair* pair);
  // Makes the pair, enters and starts the socket.
  int Add(RelayedSocketInfo info, bool nonblocking, OwnedFd real,
          const RelayedEndpoints& endpoints, OwnedFd* program,
          std::shared_ptr<RelayedSocket>* made);
  RelayLoop* NextLoop();

  const Options options_;
  std::atomic<uint32_t> sockets_per_owner_;
  // Of this daemon: part of its sockets' names.
  const uint64_t instance_;
  const std::vector<std::unique_ptr<RelayLoop>> loops_;
  std::atomic<uint32_t> next_loop_{0};
  std::atomic<uint64_t> next_number_{1};
  mutable absl::Mutex mu_;
  // Of those that have ended.
  uint64_t bytes_sent_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t bytes_received_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<uint64_t, std::shared_ptr<RelayedSocket>> sockets_
      ABSL_GUARDED_BY(mu_);
  // Those that have a port(), by it.
  absl::flat_hash_map<std::pair<const SocketOwner*, uint16_t>,
                      std::vector<uint64_t>>
      ports_ ABSL_GUARDED_BY(mu_);
  // By the number of the listener that has accepted them.
  absl::flat_hash_map<uint64_t, absl::flat_hash_set<uint64_t>> accepted_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAYED_SOCKETS_H_
