#include "daemon/metrics/metrics_server.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include <exception>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/owned_fd.h"
#include "daemon/resolver/address_with_port.h"

namespace wspd {
namespace {

// So many may ask at a time, each on a thread; who says no more has its turn
// for so long.
constexpr char kThreads[] = "16";
constexpr char kRequestTimeoutMs[] = "2000";

// The server says no more than that something failed.
absl::Status TryToBind(const NetAddress& address) {
  const OwnedFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "socket()");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd.get(), address.get(), address.size()) != 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("metrics.address: bind(",
                                            AddressWithPortText(address), ")"));
  }
  return absl::OkStatus();
}

}  // namespace

MetricsServer::MetricsServer(
    std::shared_ptr<prometheus::Collectable> collectable,
    std::unique_ptr<prometheus::Exposer> exposer)
    : collectable_(std::move(collectable)),
      exposer_(std::move(exposer)),
      port_(exposer_->GetListeningPorts().front()) {}

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const NetAddress& address,
    std::shared_ptr<prometheus::Collectable> collectable) {
  if (absl::Status status = TryToBind(address); !status.ok()) return status;
  // Signals belong to the main thread.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  std::unique_ptr<prometheus::Exposer> exposer;
  std::string failure;
  try {
    exposer = std::make_unique<prometheus::Exposer>(std::vector<std::string>{
        "listening_ports", AddressWithPortText(address), "num_threads",
        kThreads, "request_timeout_ms", kRequestTimeoutMs});
  } catch (const std::exception& error) {
    failure = error.what();
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (exposer == nullptr) {
    return absl::UnavailableError(absl::StrCat(
        "metrics.address ", AddressWithPortText(address), ": ", failure));
  }
  exposer->RegisterCollectable(collectable);
  return std::unique_ptr<MetricsServer>(
      new MetricsServer(std::move(collectable), std::move(exposer)));
}

}  // namespace wspd
