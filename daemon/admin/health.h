#ifndef WSPD_DAEMON_ADMIN_HEALTH_H_
#define WSPD_DAEMON_ADMIN_HEALTH_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "proto/grpc/health/v1/health.pb.h"

namespace wspd {

// What grpc.health.v1 answers of the daemon, under the empty name, and of its
// services. Thread-safe.
class Health {
 public:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;

  // Full names: of the services that a draining daemon doesn't serve any more,
  // nor does it as a whole, and of those that it does. Serving at first.
  Health(std::vector<std::string> drained, std::vector<std::string> others);

  // Whether anything is served.
  void SetServing(bool serving);
  // Whether new work is refused.
  void SetDraining(bool draining);

  // SERVICE_UNKNOWN for a name that isn't one of these.
  Status StatusOf(absl::string_view service) const;

 private:
  const std::vector<std::string> drained_;
  const std::vector<std::string> others_;
  mutable absl::Mutex mu_;
  bool serving_ ABSL_GUARDED_BY(mu_) = true;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_HEALTH_H_
