#ifndef WSPD_DAEMON_SERVICE_WATCHDOG_H_
#define WSPD_DAEMON_SERVICE_WATCHDOG_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/event/event_loop.h"

namespace wspd {

// Says that the daemon is well, for as long as every thread that serves clients
// goes on answering. Each is asked in a round; when all have answered, that is
// said once and the next round begins. A thread that hangs so ends the saying,
// however well the others are.
class Watchdog {
 public:
  // One that is to answer.
  struct Subject {
    // For the log.
    std::string name;
    // Has `answer` called once, on the subject's own thread, after what it is
    // busy with. Must not block. A subject that is stopped may drop `answer`.
    std::function<void(std::function<void()> answer)> ask;
  };

  // Called on the loop's thread; must not block.
  struct Sink {
    // All have answered.
    std::function<void()> on_well;
    // Those of a round that haven't answered by now, and that are asked nothing
    // else until they have.
    std::function<void(const std::vector<std::string>& names)> on_silent;
  };

  // Looks at the answers every `period`, on `loop`, which so is one of those
  // that have to work. `loop` has to outlive the watchdog, the subjects only
  // Stop().
  Watchdog(absl::Duration period, EventLoop* loop,
           std::vector<Subject> subjects, Sink sink);

  // As Stop().
  ~Watchdog();

  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Asks nobody any more; when this returns the sink is neither called nor will
  // be. Not on the loop's thread, which has to be running. Answers may come
  // later, and are ignored.
  void Stop();

 private:
  class Rounds;

  std::shared_ptr<Rounds> rounds_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVICE_WATCHDOG_H_
