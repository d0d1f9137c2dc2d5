#ifndef WSPD_DAEMON_ADMIN_DAEMON_CONTROL_H_
#define WSPD_DAEMON_ADMIN_DAEMON_CONTROL_H_

#include <functional>

#include "absl/status/statusor.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// What administrators do with the daemon as a whole. Daemon implements it.
//
// Thread-safe. Called on the admin server's thread: nothing here waits.
class DaemonControl {
 public:
  using ReloadDone =
      std::function<void(const absl::StatusOr<wsp::v1::ReloadResponse>&)>;

  virtual ~DaemonControl() = default;

  // Reads the configuration again, all of it or, if it has a mistake, nothing.
  // `done` is called once, on whatever thread, with what has changed or with
  // the mistakes, a line each; it must not block. When the daemon stops it is
  // called with UNAVAILABLE, if need be, before the admin server ends.
  virtual void Reload(ReloadDone done) = 0;

  // From now on new clients and new sockets are refused; or taken again. True
  // if that is another state than before. Inventory::FillServerInfo says which.
  virtual bool SetDraining(bool draining) = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_DAEMON_CONTROL_H_
