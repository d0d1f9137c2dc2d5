#ifndef WSPD_DAEMON_ADMIN_INVENTORY_H_
#define WSPD_DAEMON_ADMIN_INVENTORY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "daemon/journal/event_journal.h"
#include "daemon/socket/forced_end.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Which clients, sockets or names are meant: those to which all that is set
// applies.
struct InventoryFilter {
  int pid = 0;                   // 0: any
  absl::optional<uint32_t> uid;  // none: any
  uint64_t client_id = 0;        // 0: any
  // Whether Socket.tcp is wanted, for which the kernel has to be asked about
  // each connection, beside whoever uses it.
  bool with_tcp = false;
  // Of names: those with a higher number, and at least the first so many of
  // these, if there are any more; 0: all.
  uint64_t after_number = 0;
  size_t most_names = 0;

  bool Matches(int of_pid, uint32_t of_uid, uint64_t of_client_id) const {
    return (pid == 0 || pid == of_pid) && (!uid || *uid == of_uid) &&
           (client_id == 0 || client_id == of_client_id);
  }
};

// Which client is meant: that to which all that is set applies.
struct ClientSelector {
  int pid = 0;             // 0: any
  uint64_t client_id = 0;  // 0: any

  bool Matches(int of_pid, uint64_t of_client_id) const {
    return (pid == 0 || pid == of_pid) &&
           (client_id == 0 || client_id == of_client_id);
  }
};

// Which socket is meant: that to which all that is set applies.
struct SocketSelector {
  uint64_t client_id = 0;  // 0: any
  uint64_t socket_id = 0;  // 0: any
  uint64_t cookie = 0;     // 0: any

  bool Matches(const wsp::v1::Socket& socket) const {
    return (client_id == 0 || client_id == socket.client_id()) &&
           (socket_id == 0 || socket_id == socket.socket_id()) &&
           (cookie == 0 || cookie == socket.cookie());
  }
};

// What the daemon has, as the admin service shows it. The session layer
// implements it.
//
// Thread-safe. Called on the admin server's thread, so that it must not wait
// for anything that takes long. What the filter leaves out costs nothing; who
// may see what is decided by the caller.
class Inventory {
 public:
  virtual ~Inventory() = default;

  virtual std::vector<wsp::v1::Client> ListClients(
      const InventoryFilter& filter) const = 0;
  virtual std::vector<wsp::v1::Socket> ListSockets(
      const InventoryFilter& filter) const = 0;
  virtual std::vector<wsp::v1::LookedUpName> ListNames(
      const InventoryFilter& filter) const = 0;

  // Sets all that it knows; version, pid and admin_socket are set already.
  virtual void FillServerInfo(wsp::v1::GetServerInfoResponse* info) const = 0;

  // What happens to clients and sockets. As long-lived as the inventory.
  virtual EventJournal* events() = 0;

  // Ends a client's registration as its final WSPCleanup would, and says what
  // it was. Errors as those of wsp.v1.Admin.DisconnectClient.
  virtual absl::StatusOr<wsp::v1::Client> DisconnectClient(
      const ClientSelector& selector) = 0;

  // Ends a socket, of whichever plane, and says what it was. Errors as those of
  // wsp.v1.Admin.ResetSocket and EndSocket.
  virtual absl::StatusOr<wsp::v1::Socket> EndSocket(
      const SocketSelector& selector, ForcedEnd how) = 0;

  // What the rules in force say. INVALID_ARGUMENT as of
  // wsp.v1.Admin.TestPolicy.
  virtual absl::StatusOr<wsp::v1::TestPolicyResponse> TestPolicy(
      const wsp::v1::TestPolicyRequest& request) const = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_INVENTORY_H_
