#ifndef WSPD_DAEMON_RELOADER_H_
#define WSPD_DAEMON_RELOADER_H_

#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/admin/daemon_control.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Reads the configuration again for whoever asks, one time after the other, on
// a thread of its own, since it waits for files and the name service.
//
// Thread-safe.
class Reloader {
 public:
  using Reload = std::function<absl::StatusOr<wsp::v1::ReloadResponse>()>;

  // `reload` is called on the thread, which starts here.
  explicit Reloader(Reload reload);

  // As Stop().
  ~Reloader();

  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // Has the configuration read after this; who asks while it is being read
  // waits for the next time, which is one for all of them. `done` is called
  // with what came of it, on the thread; with UNAVAILABLE after Stop(), at
  // once.
  void Request(DaemonControl::ReloadDone done);

  // The same, and waits.
  absl::StatusOr<wsp::v1::ReloadResponse> RequestAndWait();

  // Waits for a reading that is under way; whoever waits for another one gets
  // UNAVAILABLE.
  void Stop();

 private:
  void Run();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopping_ || !waiting_.empty();
  }

  const Reload reload_;
  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<DaemonControl::ReloadDone> waiting_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELOADER_H_
