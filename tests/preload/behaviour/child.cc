#include "tests/preload/behaviour/child.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "tests/testing/wait_until.h"

namespace wspd::preload {
namespace {

using testing::WaitUntil;

constexpr char kRoleFlag[] = "--role=";

std::map<std::string, int (*)(const Arguments&)>& Roles() {
  static auto* const roles =
      new std::map<std::string, int (*)(const Arguments&)>;
  return *roles;
}

std::string ProgramPath() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  if (length < 0) abort();
  return std::string(path, length);
}

}  // namespace

Child::Child(const std::function<void()>& body) {
  fflush(nullptr);
  pid_ = fork();
  EXPECT_GE(pid_, 0);
  if (pid_ != 0) return;
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  body();
  fflush(nullptr);
  _exit(::testing::Test::HasFailure() ? 1 : 0);
}

Child::~Child() {
  if (ended_ || pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Child::Kill(int signal) { EXPECT_EQ(kill(pid_, signal), 0); }

int Child::Wait() {
  int status = -1;
  ended_ = WaitUntil([this, &status] {
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    return ended == pid_ || (ended < 0 && errno != EINTR);
  });
  return ended_ ? status : -1;
}

::testing::AssertionResult Child::Succeeds() {
  const int status = Wait();
  if (status == 0) return ::testing::AssertionSuccess();
  auto failure = ::testing::AssertionFailure() << "the child ";
  if (status == -1) return failure << "doesn't end";
  if (WIFSIGNALED(status)) return failure << "dies of " << WTERMSIG(status);
  return failure << "exits with " << WEXITSTATUS(status);
}

Gate::Gate() {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  read_.Reset(fcntl(ends[0], F_DUPFD_CLOEXEC, 10));
  write_.Reset(fcntl(ends[1], F_DUPFD_CLOEXEC, 10));
  close(ends[0]);
  close(ends[1]);
}

void Gate::Open() { EXPECT_EQ(write(write_.get(), "", 1), 1); }

bool Gate::Wait() const {
  pollfd watched = {read_.get(), POLLIN, 0};
  bool opened = false;
  WaitUntil([&] { return (opened = poll(&watched, 1, 100) == 1); });
  return opened;
}

RoleRegistration::RoleRegistration(const char* name,
                                   int (*role)(const Arguments& arguments)) {
  Roles()[name] = role;
}

bool IsRole(int argc, char** argv) {
  return argc > 1 && strncmp(argv[1], kRoleFlag, strlen(kRoleFlag)) == 0;
}

int RunRole(int argc, char** argv) {
  const auto found = Roles().find(argv[1] + strlen(kRoleFlag));
  if (found == Roles().end()) {
    fprintf(stderr, "no role %s\n", argv[1]);
    return 2;
  }
  return found->second(Arguments(argv + 2, argv + argc));
}

RoleCommand::RoleCommand(const std::string& role, const Arguments& arguments) {
  words_ = {ProgramPath(), kRoleFlag + role};
  words_.insert(words_.end(), arguments.begin(), arguments.end());
  for (std::string& word : words_) pointers_.push_back(word.data());
  pointers_.push_back(nullptr);
}

void ExecRole(const RoleCommand& command) {
  execv(command.path(), command.argv());
  _exit(127);
}

}  // namespace wspd::preload
