#include "daemon/identity/named_process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "daemon/base/owned_fd.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

PeerIdentity IdentityOf(pid_t pid) {
  PeerIdentity identity;
  identity.pid = pid;
  identity.uid = getuid();
  identity.start_time_ticks = *ReadStartTime(pid);
  return identity;
}

bool Is(const NamedProcess& process, const PeerIdentity& identity) {
  return process.Is(identity, ProcessKey::Of(identity, ""));
}

// A process that runs `body`, and then waits to be killed.
class Child {
 public:
  explicit Child(const std::function<void()>& body = [] {}) : pid_(fork()) {
    if (pid_ != 0) return;
    body();
    for (;;) pause();
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  const pid_t pid_;
};

TEST(NamedProcessTest, IsTheProcessThatHasThePid) {
  const Child target, other;
  NamedProcess process;
  ASSERT_EQ(NamedProcess::Find(IdentityOf(getpid()), target.pid(), &process),
            0);
  EXPECT_TRUE(Is(process, IdentityOf(target.pid())));
  EXPECT_FALSE(Is(process, IdentityOf(other.pid())));
  EXPECT_FALSE(Is(process, IdentityOf(getpid())));
  PeerIdentity later = IdentityOf(target.pid());
  ++later.start_time_ticks;
  EXPECT_FALSE(Is(process, later));
  EXPECT_FALSE(Is(process, PeerIdentity()));
}

TEST(NamedProcessTest, WhatIsNotThereIsNotFound) {
  pid_t gone;
  {
    const Child child;
    gone = child.pid();
  }
  NamedProcess process;
  const PeerIdentity own = IdentityOf(getpid());
  for (const pid_t pid : {gone, pid_t{0}, pid_t{-1}}) {
    EXPECT_EQ(NamedProcess::Find(own, pid, &process), ESRCH) << pid;
  }
  EXPECT_EQ(NamedProcess::Find(PeerIdentity(), getpid(), &process), ESRCH);
}

TEST(NamedProcessTest, AnotherUsersProcessIsNotToBeNamed) {
  PeerIdentity foreign = IdentityOf(getpid());
  ++foreign.uid;
  NamedProcess process;
  EXPECT_EQ(NamedProcess::Find(foreign, getpid(), &process), EPERM);
}

TEST(NamedProcessTest, AnAttachedOneHasItsKey) {
  const PeerIdentity unseen;
  const NamedProcess process =
      NamedProcess::Attached(ProcessKey::Of(unseen, "one"));
  EXPECT_TRUE(process.Is(unseen, ProcessKey::Of(unseen, "one")));
  EXPECT_FALSE(process.Is(unseen, ProcessKey::Of(unseen, "two")));
}

// A pid namespace with two processes; and what the first, which has the pid 1,
// says of the others.
class PidNamespace {
 public:
  PidNamespace() {
    int fds[2];
    if (pipe(fds) != 0) abort();
    const OwnedFd in(fds[0]);
    OwnedFd out(fds[1]);
    outer_ = fork();
    if (outer_ == 0) {
      if (unshare(CLONE_NEWPID) != 0 &&
          unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
        _exit(1);
      }
      // Not yet in it itself: its children are.
      const pid_t first = fork();
      if (first != 0) {
        dprintf(out.get(), "%d\n", first);
        waitpid(first, nullptr, 0);
        _exit(0);
      }
      const pid_t second = fork();
      if (second == 0) {
        for (;;) pause();
      }
      dprintf(out.get(), "%d\n", second);
      for (;;) pause();
    }
    out.Reset();
    FILE* const lines = fdopen(dup(in.get()), "r");
    int numbers[2] = {};
    // In either order: in the namespace the second one is 2.
    made_ = fscanf(lines, "%d %d", &numbers[0], &numbers[1]) == 2;
    fclose(lines);
    first_ = numbers[0] == 2 ? numbers[1] : numbers[0];
    if (made_) second_ = ChildOf(first_);
  }
  ~PidNamespace() {
    if (made_) kill(first_, SIGKILL);
    waitpid(outer_, nullptr, 0);
  }

  bool made() const { return made_; }
  // As we see them.
  pid_t first() const { return first_; }
  pid_t second() const { return second_; }

 private:
  static pid_t ChildOf(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/task/" +
                             std::to_string(pid) + "/children";
    FILE* const file = fopen(path.c_str(), "r");
    int child = 0;
    if (file == nullptr || fscanf(file, "%d", &child) != 1) child = 0;
    if (file != nullptr) fclose(file);
    return child;
  }

  bool made_ = false;
  pid_t outer_ = 0;
  pid_t first_ = 0;
  pid_t second_ = 0;
};

TEST(NamedProcessTest, PidsAreThoseOfTheNamersNamespace) {
  const PidNamespace space, other;
  if (!space.made() || space.second() == 0 || other.second() == 0) {
    GTEST_SKIP() << "no pid namespaces to be had here";
  }
  NamedProcess process;
  ASSERT_EQ(NamedProcess::Find(IdentityOf(space.first()), 2, &process), 0);
  EXPECT_TRUE(Is(process, IdentityOf(space.second())));
  EXPECT_FALSE(Is(process, IdentityOf(space.first())));
  // Also the 2 of its namespace.
  EXPECT_FALSE(Is(process, IdentityOf(other.second())));
  // Started later than it was named: it was given the pid anew.
  PeerIdentity later = IdentityOf(space.second());
  later.start_time_ticks += 1000000;
  EXPECT_FALSE(Is(process, later));
  // From outside it has another one.
  ASSERT_EQ(NamedProcess::Find(IdentityOf(getpid()), space.second(), &process),
            0);
  EXPECT_TRUE(Is(process, IdentityOf(space.second())));
}

}  // namespace
}  // namespace wspd
