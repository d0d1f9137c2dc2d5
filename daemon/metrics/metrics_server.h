#ifndef WSPD_DAEMON_METRICS_METRICS_SERVER_H_
#define WSPD_DAEMON_METRICS_METRICS_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/socket/net_address.h"
#include "prometheus/collectable.h"
#include "prometheus/exposer.h"

namespace wspd {

// Serves metrics by HTTP, at /metrics, to whoever connects: prometheus-cpp's
// Exposer, on threads of its own. Answers are made there as well, so that who
// asks takes no time of those that serve clients.
class MetricsServer {
 public:
  // Serves when it returns. The error names what failed, as a bind to an
  // address that is in use.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const NetAddress& address,
      std::shared_ptr<prometheus::Collectable> collectable);

  // Host order.
  int port() const { return port_; }

 private:
  MetricsServer(std::shared_ptr<prometheus::Collectable> collectable,
                std::unique_ptr<prometheus::Exposer> exposer);

  const std::shared_ptr<prometheus::Collectable> collectable_;
  const std::unique_ptr<prometheus::Exposer> exposer_;
  const int port_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_METRICS_METRICS_SERVER_H_
