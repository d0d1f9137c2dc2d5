#ifndef WSPD_DAEMON_DAEMON_H_
#define WSPD_DAEMON_DAEMON_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/service/passed_sockets.h"
#include "proto/wspd/config.pb.h"

namespace wspd {

// The daemon put together: sockets, loops, sessions, servers. Not thread-safe.
class Daemon {
 public:
  struct Options {
    // Complete and valid, as LoadConfig() gives it.
    Config config;
    // Reads it again. On a thread of the daemon's, one call at a time.
    std::function<absl::StatusOr<Config>()> read_config;
    // Used instead of sockets of the daemon's own; have to be at the
    // configuration's paths.
    PassedSockets passed;
    // Zero, or how long the service manager waits for a sign of life.
    absl::Duration watchdog_limit;
    // For tests.
    PidfdMethod pidfd_method = PidfdMethod::kBest;
    uint64_t break_after_frames = 0;
  };

  // Serves when it returns. The calling thread has to have blocked the signals
  // that it will wait for.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(Options options);

  // As Stop().
  ~Daemon();

  // Reads the configuration again and puts its policy, limits, log level and
  // remote administration in force, all at once; a mistake changes nothing.
  // What else has changed waits for a restart. Logs what came of it, and tells
  // the service manager. Waits for the name service, where rules have names of
  // users and groups.
  void Reload();

  // Accepts nothing more, answers new calls with WSAENETDOWN, lets closed
  // sockets finish until times.stop_ms is over, resets the rest, and ends all
  // streams.
  void Stop();

 private:
  class Control;
  struct Parts;

  explicit Daemon(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_DAEMON_H_
