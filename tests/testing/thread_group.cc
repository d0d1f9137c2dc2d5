#include "tests/testing/thread_group.h"

#include <stdio.h>
#include <unistd.h>

#include <utility>

#include "tests/testing/abandon.h"
#include "tests/testing/process_files.h"

namespace wspd::testing {

void ThreadGroup::Start(const std::string& name, std::function<void()> body) {
  auto member = std::make_unique<Member>();
  Member* const raw = member.get();
  raw->name = name;
  members_.push_back(std::move(member));
  raw->thread = std::thread([raw, body = std::move(body)] {
    // Says so too when the thread is cancelled.
    struct AtEnd {
      ~AtEnd() { member->ended = true; }
      Member* member;
    } at_end{raw};
    raw->thread_id = gettid();
    body();
  });
}

bool ThreadGroup::AllAsleep(std::vector<long>* counts) const {
  counts->clear();
  for (const auto& member : members_) {
    if (member->ended) continue;
    const long count =
        member->thread_id == 0 ? 0 : SleepCount(member->thread_id);
    if (count == 0) return false;
    counts->push_back(count);
  }
  return true;
}

bool ThreadGroup::WaitUntilBlocked() {
  constexpr milliseconds kWhile(50);
  std::vector<long> before, now;
  Clock::time_point since = Clock::now();
  return WaitUntil([&] {
    if (!AllAsleep(&now) || now != before) {
      before = now;
      since = Clock::now();
    }
    return Clock::now() - since >= kWhile;
  });
}

int ThreadGroup::ended() const {
  int count = 0;
  for (const auto& member : members_) count += member->ended;
  return count;
}

void ThreadGroup::JoinAll(Clock::duration deadline) {
  const bool all = WaitUntil(
      [&] { return ended() == static_cast<int>(members_.size()); }, deadline);
  if (!all) {
    for (const auto& member : members_) {
      if (member->ended) continue;
      fprintf(stderr, "FAILED: this thread hangs: %s\n", member->name.c_str());
    }
    Abandon();
  }
  for (const auto& member : members_) member->thread.join();
  members_.clear();
}

pthread_t ThreadGroup::native_handle(size_t index) {
  return members_[index]->thread.native_handle();
}

}  // namespace wspd::testing
