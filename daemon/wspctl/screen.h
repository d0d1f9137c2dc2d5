#ifndef WSPD_DAEMON_WSPCTL_SCREEN_H_
#define WSPD_DAEMON_WSPCTL_SCREEN_H_

#include <termios.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/wspctl/terminal.h"

namespace wspd {

// A terminal as one screen, with keys as they are pressed. By ECMA-48's
// sequences that every terminal of today knows, and without a data base of
// them: where wspctl runs there may be none.
//
// One at a time in a process. Restores the terminal at its end and while the
// process is stopped (^Z). Not thread-safe.
class Screen {
 public:
  // Takes over the terminal that both descriptors are of. Handles SIGINT,
  // SIGTERM, SIGHUP, SIGQUIT, SIGTSTP and SIGWINCH from then on.
  static absl::StatusOr<std::unique_ptr<Screen>> Open(int in, int out);
  ~Screen();

  TerminalSize size() const;

  // Shows these lines, from the top; what doesn't fit isn't shown. Lines aren't
  // longer than the screen is wide.
  absl::Status Draw(const std::vector<std::string>& lines);

  // What has come.
  struct Input {
    // Keys, one after the other, each as the terminal sends it: "q", "\x1b[A".
    std::vector<std::string> keys;
    // The size may be another, or what is there has to be drawn again.
    bool resized = false;
    // The terminal is gone.
    bool ended = false;
    // A signal asks the process to end; 0: none.
    int signal = 0;
  };
  // Waits for something, at most for that long.
  Input Wait(absl::Duration at_most);

 private:
  Screen(int in, int out) : in_(in), out_(out) {}

  absl::Status CatchSignals();
  void Enter();
  void Leave();
  // Until somebody has it go on.
  void StopProcess();
  void TakeSignals(Input* input);

  const int in_;
  const int out_;
  termios before_{};
  // The signals that came, a byte each.
  OwnedFd signals_;
  OwnedFd signals_write_;
};

// Takes the keys out of what a terminal sent; an escape sequence is one.
std::vector<std::string> SplitKeys(const std::string& bytes);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_SCREEN_H_
