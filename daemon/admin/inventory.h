#ifndef WSPD_DAEMON_ADMIN_INVENTORY_H_
#define WSPD_DAEMON_ADMIN_INVENTORY_H_

#include <vector>

#include "absl/status/status.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// What the admin service asks the session layer. Thread-safe; whom to show what
// is the asker's affair.
class Inventory {
 public:
  virtual ~Inventory() = default;

  virtual std::vector<wsp::v1::Client> ListClients() const = 0;
  // `pid` 0: of all clients, and those that linger.
  virtual std::vector<wsp::v1::Socket> ListSockets(int pid) const = 0;
  virtual void FillServerInfo(wsp::v1::GetServerInfoResponse* info) const = 0;
  // NOT_FOUND if no client has the pid.
  virtual absl::Status DisconnectClient(int pid) = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_INVENTORY_H_
