#include "daemon/service/watchdog.h"

#include <atomic>
#include <utility>

#include "absl/synchronization/notification.h"

namespace wspd {

// On the loop's thread, but for the constructor.
class Watchdog::Rounds : public std::enable_shared_from_this<Rounds> {
 public:
  Rounds(absl::Duration period, EventLoop* loop, std::vector<Subject> subjects,
         Sink sink)
      : period_(period),
        loop_(loop),
        subjects_(std::move(subjects)),
        sink_(std::move(sink)) {}

  EventLoop* loop() { return loop_; }

  void Begin() {
    answers_.clear();
    for (const Subject& subject : subjects_) {
      auto answer = std::make_shared<std::atomic<bool>>(false);
      answers_.push_back(answer);
      subject.ask([answer] { answer->store(true); });
    }
    timer_ =
        loop_->RunAfter(period_, [self = shared_from_this()] { self->Look(); });
  }

  void Stop() {
    stopped_ = true;
    loop_->CancelTimer(timer_);
  }

 private:
  void Look() {
    if (stopped_) return;
    std::vector<std::string> silent;
    for (size_t i = 0; i < subjects_.size(); ++i) {
      if (!answers_[i]->load()) silent.push_back(subjects_[i].name);
    }
    if (silent.empty()) {
      sink_.on_well();
      return Begin();
    }
    sink_.on_silent(silent);
    timer_ =
        loop_->RunAfter(period_, [self = shared_from_this()] { self->Look(); });
  }

  const absl::Duration period_;
  EventLoop* const loop_;
  const std::vector<Subject> subjects_;
  const Sink sink_;
  // Of this round, one for each subject.
  std::vector<std::shared_ptr<std::atomic<bool>>> answers_;
  EventLoop::TimerId timer_ = 0;
  bool stopped_ = false;
};

Watchdog::Watchdog(absl::Duration period, EventLoop* loop,
                   std::vector<Subject> subjects, Sink sink)
    : rounds_(std::make_shared<Rounds>(period, loop, std::move(subjects),
                                       std::move(sink))) {
  loop->Post([rounds = rounds_] { rounds->Begin(); });
}

Watchdog::~Watchdog() { Stop(); }

void Watchdog::Stop() {
  const std::shared_ptr<Rounds> rounds = std::move(rounds_);
  if (rounds == nullptr) return;
  absl::Notification stopped;
  rounds->loop()->Post([&] {
    rounds->Stop();
    stopped.Notify();
  });
  stopped.WaitForNotification();
}

}  // namespace wspd
