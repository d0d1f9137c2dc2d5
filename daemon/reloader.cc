#include "daemon/reloader.h"

#include <pthread.h>

#include <utility>

#include "absl/synchronization/notification.h"

namespace wspd {
namespace {

absl::Status StoppingError() {
  return absl::UnavailableError("the daemon is stopping");
}

}  // namespace

Reloader::Reloader(Reload reload)
    : reload_(std::move(reload)), thread_([this] { Run(); }) {}

Reloader::~Reloader() { Stop(); }

void Reloader::Request(DaemonControl::ReloadDone done) {
  {
    absl::MutexLock lock(&mu_);
    if (!stopping_) {
      waiting_.push_back(std::move(done));
      return;
    }
  }
  done(StoppingError());
}

absl::StatusOr<wsp::v1::ReloadResponse> Reloader::RequestAndWait() {
  absl::StatusOr<wsp::v1::ReloadResponse> answer;
  absl::Notification finished;
  Request([&](const absl::StatusOr<wsp::v1::ReloadResponse>& result) {
    answer = result;
    finished.Notify();
  });
  finished.WaitForNotification();
  return answer;
}

void Reloader::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Reloader::Run() {
  pthread_setname_np(pthread_self(), "wspd-reload");
  for (;;) {
    std::vector<DaemonControl::ReloadDone> asked;
    bool stopping = false;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &Reloader::HasWork));
      stopping = stopping_;
      asked.swap(waiting_);
    }
    if (!asked.empty()) {
      const auto result =
          stopping ? absl::StatusOr<wsp::v1::ReloadResponse>(StoppingError())
                   : reload_();
      for (const auto& done : asked) done(result);
    }
    if (stopping) return;
  }
}

}  // namespace wspd
