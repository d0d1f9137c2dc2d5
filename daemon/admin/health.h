#ifndef WSPD_DAEMON_ADMIN_HEALTH_H_
#define WSPD_DAEMON_ADMIN_HEALTH_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "proto/grpc/health/v1/health.pb.h"

namespace wspd {

// What grpc.health.v1 answers: one state of the daemon, under the empty name
// and under those of its services. Thread-safe.
class Health {
 public:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;

  // `services`: full names. Serving at first.
  explicit Health(std::vector<std::string> services);

  // Whether new work is taken.
  void SetServing(bool serving);

  // SERVICE_UNKNOWN for a name that isn't one of these.
  Status StatusOf(absl::string_view service) const;

 private:
  const std::vector<std::string> services_;
  mutable absl::Mutex mu_;
  bool serving_ ABSL_GUARDED_BY(mu_) = true;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_HEALTH_H_
