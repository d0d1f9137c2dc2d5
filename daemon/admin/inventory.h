#ifndef WSPD_DAEMON_ADMIN_INVENTORY_H_
#define WSPD_DAEMON_ADMIN_INVENTORY_H_

#include <vector>

#include "absl/status/status.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// What the daemon has, as the admin service shows it. The session layer
// implements it.
//
// Thread-safe. Called on the admin server's thread, so that it must not wait
// for anything that takes long. Says everything: who may see what is decided by
// the caller.
class Inventory {
 public:
  virtual ~Inventory() = default;

  virtual std::vector<wsp::v1::Client> ListClients() const = 0;

  // Those of the client with the pid; 0: all.
  virtual std::vector<wsp::v1::Socket> ListSockets(int pid) const = 0;

  // Sets all that it knows; version, pid and admin_socket are set already.
  virtual void FillServerInfo(wsp::v1::GetServerInfoResponse* info) const = 0;

  // Ends a client's registration as its final WSPCleanup would. NOT_FOUND if
  // there is none with the pid.
  virtual absl::Status DisconnectClient(int pid) = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_INVENTORY_H_
