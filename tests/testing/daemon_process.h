#ifndef WSPD_TESTS_TESTING_DAEMON_PROCESS_H_
#define WSPD_TESTS_TESTING_DAEMON_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/testing/abandon.h"
#include "tests/testing/temp_dir.h"

namespace wspd::testing {

struct DaemonOptions {
  std::vector<std::string> flags;
  // Textproto, besides the sockets and the times.
  std::string config;
  // Of Config.Times, in textproto; stop_ms is kStopMs unless it is among them.
  std::string times;

  // A test's end doesn't wait for what is closed and goes on sending to a peer
  // that nobody reads from any more.
  static constexpr int kStopMs = 200;
};

// A wspd of its own, on sockets in a folder of its own. If the test has failed
// when the object goes, its log is printed.
class DaemonProcess : public Witness {
 public:
  explicit DaemonProcess(const DaemonOptions& options = {});
  virtual ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  // Starts the daemon, for the first time or again, on the same paths, and
  // waits until it is ready. A test failure and false if it isn't.
  bool Start();

  // SIGTERM. The wait status.
  int Stop();
  void Kill();    // SIGKILL
  void Pause();   // SIGSTOP, and waits until it has stopped
  void Resume();  // SIGCONT

  bool is_running() const { return pid_ != 0; }
  pid_t pid() const { return pid_; }
  std::string provider_socket() const { return dir_.File("wspd.sock"); }
  std::string admin_socket() const { return dir_.File("admin.sock"); }
  // What all its runs logged.
  std::string Log() const { return ReadFile(dir_.File("log")); }
  // Prints the log.
  void Testify() const override;
  // A folder for the test's own files.
  const TempDir& dir() const { return dir_; }

 private:
  class NotifySocket;

  const TempDir dir_;
  const DaemonOptions options_;
  std::unique_ptr<NotifySocket> notify_;
  pid_t pid_ = 0;  // 0: not running
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_DAEMON_PROCESS_H_
