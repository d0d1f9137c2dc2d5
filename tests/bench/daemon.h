#ifndef WSPD_TESTS_BENCH_DAEMON_H_
#define WSPD_TESTS_BENCH_DAEMON_H_

#include <memory>
#include <string>

#include "tests/bench/process.h"

namespace wspd::bench {

// A wspd of its own for a row, on sockets in a temporary folder, pinned to no
// CPU and warning only. This process and its children use it from then on
// (WSPD_SOCKET). Dies if it isn't ready within some seconds.
class Daemon {
 public:
  // `config` is the text of its configuration. If `program` is empty, nothing
  // is started: for providers that need no daemon.
  explicit Daemon(const std::string& program, const std::string& config);
  // Has it stop, and dies if that doesn't go well.
  ~Daemon();

  // Of the daemon that was started.
  pid_t pid() const { return process_->pid(); }

 private:
  std::string folder_;
  int notify_socket_ = -1;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_DAEMON_H_
