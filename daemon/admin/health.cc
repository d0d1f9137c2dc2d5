#include "daemon/admin/health.h"

#include <algorithm>
#include <utility>

namespace wspd {

using ::grpc::health::v1::HealthCheckResponse;

Health::Health(std::vector<std::string> services)
    : services_(std::move(services)) {}

void Health::SetServing(bool serving) {
  absl::MutexLock lock(&mu_);
  serving_ = serving;
}

Health::Status Health::StatusOf(absl::string_view service) const {
  if (!service.empty() && std::find(services_.begin(), services_.end(),
                                    service) == services_.end()) {
    return HealthCheckResponse::SERVICE_UNKNOWN;
  }
  absl::MutexLock lock(&mu_);
  return serving_ ? HealthCheckResponse::SERVING
                  : HealthCheckResponse::NOT_SERVING;
}

}  // namespace wspd
