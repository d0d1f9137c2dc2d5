#include "tests/testing/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "tests/testing/role.h"
#include "tests/testing/spawn.h"

namespace wspd::testing {
namespace {

struct Pipe {
  Pipe() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) abort();
    out.Reset(fds[0]);
    in.Reset(fds[1]);
  }
  OwnedFd in;
  OwnedFd out;
};

}  // namespace

void LineChannel::Send(const std::string& line) {
  const std::string text = line + "\n";
  // Short enough to be written whole; the other side may be gone.
  if (write(out_.get(), text.data(), text.size()) < 0) out_.Reset(-1);
}

std::string LineChannel::Receive() {
  for (;;) {
    const size_t end = unread_.find('\n');
    if (end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    pollfd wait = {in_.get(), POLLIN, 0};
    const int ready =
        poll(&wait, 1, static_cast<int>(milliseconds(kDeadline).count()));
    if (ready < 0 && errno == EINTR) continue;
    char buffer[4096];
    const ssize_t count =
        ready == 1 ? read(in_.get(), buffer, sizeof(buffer)) : 0;
    if (count <= 0) return "";
    unread_.append(buffer, count);
  }
}

bool LineChannel::HasMessage() {
  pollfd wait = {in_.get(), POLLIN, 0};
  return unread_.find('\n') != std::string::npos || poll(&wait, 1, 0) == 1;
}

void LineChannel::Close() {
  in_.Reset(-1);
  out_.Reset(-1);
}

ChildProcess::ChildProcess(const std::string& role,
                           const std::vector<std::string>& arguments) {
  signal(SIGPIPE, SIG_IGN);
  Pipe down, up;
  SpawnOptions options;
  options.arguments = {ProgramPath(), kRoleFlag + role};
  options.arguments.insert(options.arguments.end(), arguments.begin(),
                           arguments.end());
  options.descriptors = {{down.out.get(), kRoleIn}, {up.in.get(), kRoleOut}};
  pid_ = Spawn(options);
  channel_ = LineChannel(std::move(up.out), std::move(down.in));
}

ChildProcess::~ChildProcess() {
  if (!ended_) Kill();
}

void ChildProcess::Signal(int signal) { kill(pid_, signal); }

int ChildProcess::Wait() {
  const int status = WaitForExit(pid_);
  ended_ = status != -1;
  return status;
}

void ChildProcess::Kill() {
  Signal(SIGKILL);
  Wait();
}

}  // namespace wspd::testing
