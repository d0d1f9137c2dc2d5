#include "tests/bench/daemon.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/bench/die.h"

namespace wspd::bench {
namespace {

constexpr int kReadyTimeoutMs = 10000;

int OpenNotifySocket(const std::string& path) {
  const int fd =
      CheckErrno(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) Die("path too long: " + path);
  memcpy(address.sun_path, path.data(), path.size());
  CheckErrno(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
             "bind");
  return fd;
}

void AwaitReady(int notify_socket) {
  pollfd entry = {notify_socket, POLLIN, 0};
  std::string message;
  while (message.find("READY=1") == std::string::npos) {
    if (CheckErrno(poll(&entry, 1, kReadyTimeoutMs), "poll") == 0) {
      Die("wspd isn't ready");
    }
    message.resize(256);
    const ssize_t size = recv(notify_socket, &message[0], message.size(), 0);
    CheckErrno(static_cast<int>(size), "recv");
    message.resize(static_cast<size_t>(size));
  }
}

std::string MakeTemporaryFolder() {
  std::string name =
      std::filesystem::temp_directory_path() / "wsp_bench.XXXXXX";
  if (mkdtemp(&name[0]) == nullptr) DieOfErrno("mkdtemp");
  return name;
}

}  // namespace

Daemon::Daemon(const std::string& program, const std::string& config) {
  if (program.empty()) return;
  folder_ = MakeTemporaryFolder();
  const std::string provider_socket = folder_ + "/wspd.sock";
  const std::string config_file = folder_ + "/wspd.textproto";
  const std::string notify_path = folder_ + "/notify";
  std::ofstream(config_file) << config;
  notify_socket_ = OpenNotifySocket(notify_path);
  setenv("NOTIFY_SOCKET", notify_path.c_str(), 1);
  process_ = std::make_unique<ChildProcess>(
      kAnyCpu, std::vector<std::string>{
                   program, "--config=" + config_file, "--log_level=WARNING",
                   "--provider_socket=" + provider_socket,
                   "--admin_socket=" + folder_ + "/admin.sock"});
  unsetenv("NOTIFY_SOCKET");
  AwaitReady(notify_socket_);
  setenv("WSPD_SOCKET", provider_socket.c_str(), 1);
}

Daemon::~Daemon() {
  if (process_ == nullptr) return;
  process_->Signal(SIGTERM);
  if (process_->Wait() != 0) Die("wspd did not end well");
  close(notify_socket_);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace wspd::bench
