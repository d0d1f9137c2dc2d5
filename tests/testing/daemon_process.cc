#include "tests/testing/daemon_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"
#include "tests/testing/owned_fd.h"
#include "tests/testing/spawn.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

bool HasEnded(pid_t pid) {
  siginfo_t info = {};
  waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid == pid;
}

}  // namespace

// What a service manager listens on for "READY=1".
class DaemonProcess::NotifySocket {
 public:
  explicit NotifySocket(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    unlink(path.c_str());
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    if (bind(fd_.get(), reinterpret_cast<sockaddr*>(&address),
             sizeof(address)) != 0) {
      abort();
    }
  }

  // Whether it has come by now.
  bool IsReady() {
    pollfd wait = {fd_.get(), POLLIN, 0};
    while (poll(&wait, 1, 1) == 1) {
      char message[256];
      const ssize_t size = recv(fd_.get(), message, sizeof(message), 0);
      if (std::string(message, size).find("READY=1") != std::string::npos) {
        return true;
      }
    }
    return false;
  }

 private:
  OwnedFd fd_;
};

DaemonProcess::DaemonProcess(const DaemonOptions& options) : options_(options) {
  std::string times = options.times;
  if (times.find("stop_ms") == std::string::npos) {
    times += " stop_ms: " + std::to_string(DaemonOptions::kStopMs);
  }
  WriteFile(dir_.File("wspd.textproto"),
            options.config + " times { " + times + " }");
}

DaemonProcess::~DaemonProcess() {
  if (is_running()) {
    Resume();
    Stop();
  }
  if (::testing::Test::HasFailure()) Testify();
}

void DaemonProcess::Testify() const {
  fprintf(stderr, "---- the daemon's log\n%s----\n", Log().c_str());
}

bool DaemonProcess::Start() {
  notify_ = std::make_unique<NotifySocket>(dir_.File("notify"));
  OwnedFd log(open(dir_.File("log").c_str(),
                   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  SpawnOptions spawn;
  spawn.arguments = {kDaemonPath, "--config=" + dir_.File("wspd.textproto"),
                     "--provider_socket=" + provider_socket(),
                     "--admin_socket=" + admin_socket(), "--log_level=DEBUG"};
  spawn.arguments.insert(spawn.arguments.end(), options_.flags.begin(),
                         options_.flags.end());
  spawn.environment = {"NOTIFY_SOCKET=" + dir_.File("notify")};
  spawn.descriptors = {{log.get(), 1}, {log.get(), 2}};
  pid_ = Spawn(spawn);
  bool ready = false;
  WaitUntil([&] {
    ready = notify_->IsReady();
    return ready || HasEnded(pid_);
  });
  if (!ready) ADD_FAILURE() << "the daemon isn't ready:\n" << Log();
  return ready;
}

int DaemonProcess::Stop() {
  kill(pid_, SIGTERM);
  const int status = WaitForExit(pid_);
  if (status == -1) {
    ADD_FAILURE() << "the daemon doesn't heed SIGTERM";
    Kill();
  }
  pid_ = 0;
  return status;
}

void DaemonProcess::Kill() {
  kill(pid_, SIGKILL);
  WaitForExit(pid_);
  pid_ = 0;
}

void DaemonProcess::Pause() {
  kill(pid_, SIGSTOP);
  siginfo_t info = {};
  waitid(P_PID, pid_, &info, WSTOPPED);
}

void DaemonProcess::Resume() { kill(pid_, SIGCONT); }

}  // namespace wspd::testing
