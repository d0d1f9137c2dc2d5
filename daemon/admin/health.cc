#include "daemon/admin/health.h"

#include <algorithm>
#include <utility>

namespace wspd {

using ::grpc::health::v1::HealthCheckResponse;

namespace {

bool Contains(const std::vector<std::string>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Health::Health(std::vector<std::string> drained,
               std::vector<std::string> others)
    : drained_(std::move(drained)), others_(std::move(others)) {}

void Health::SetServing(bool serving) {
  absl::MutexLock lock(&mu_);
  serving_ = serving;
}

void Health::SetDraining(bool draining) {
  absl::MutexLock lock(&mu_);
  draining_ = draining;
}

Health::Status Health::StatusOf(absl::string_view service) const {
  const bool drains = service.empty() || Contains(drained_, service);
  if (!drains && !Contains(others_, service)) {
    return HealthCheckResponse::SERVICE_UNKNOWN;
  }
  absl::MutexLock lock(&mu_);
  return serving_ && !(drains && draining_) ? HealthCheckResponse::SERVING
                                            : HealthCheckResponse::NOT_SERVING;
}

}  // namespace wspd
