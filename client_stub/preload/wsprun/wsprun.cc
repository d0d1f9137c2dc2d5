// wsprun PROGRAM...: runs a program with libwsp_preload.so in it.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "client_stub/preload/wsprun/command_line.h"
#include "client_stub/preload/wsprun/preloading.h"
#include "client_stub/preload/wsprun/program.h"

namespace wsp {
namespace {

constexpr char kVersion[] = "wsprun 0.1.0";
constexpr char kDefaultSocket[] = "/run/wspd/wspd.sock";

constexpr int kFailure = 125;
constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;

int Fail(int status, const std::string& message) {
  fprintf(stderr, "wsprun: %s\n", message.c_str());
  return status;
}

std::string OwnFolder() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0 || size == static_cast<ssize_t>(sizeof path)) return "";
  const std::string file(path, static_cast<size_t>(size));
  return file.substr(0, file.rfind('/'));
}

std::string SocketPath(const WsprunCommand& command) {
  const char* path = getenv("WSPD_SOCKET");
  if (path == nullptr || *path == '\0') path = kDefaultSocket;
  std::string socket = command.socket_path.empty() ? path : command.socket_path;
  if (socket[0] == '/') return socket;
  // The program may go elsewhere.
  char folder[PATH_MAX];
  if (getcwd(folder, sizeof folder) == nullptr) return socket;
  return std::string(folder) + "/" + socket;
}

// Null-terminated, of strings that stay.
std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) {
    pointers.push_back(const_cast<char*>(string.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

int Execute(const std::string& file, std::vector<std::string> program) {
  execv(file.c_str(), Pointers(program).data());
  if (errno == ENOEXEC) {
    // A script that doesn't say whose; execvp() does the same.
    program[0] = file;
    program.insert(program.begin(), "sh");
    execv("/bin/sh", Pointers(program).data());
  }
  const int error = errno;
  return Fail(error == ENOENT ? kNotFound : kCannotExecute,
              file + ": " + strerror(error));
}

int Run(const WsprunCommand& command) {
  const std::string& name = command.program[0];
  std::string file;
  const int missing = FindProgram(name, getenv("PATH"), &file);
  if (missing == ENOENT || missing == ENOTDIR) {
    return Fail(kNotFound, name + ": no such program");
  }
  if (missing != 0) {
    return Fail(kCannotExecute, name + ": " + strerror(missing));
  }
  const std::string why = WhyNotPreloadable(file);
  if (!why.empty()) {
    return Fail(kFailure, why +
                              ", so that libwsp_preload.so would not be loaded "
                              "into it, and it would bypass wspd");
  }
  const std::string folder = OwnFolder();
  const std::string library = FindPreloadLibrary(folder);
  if (library.empty()) {
    return Fail(kFailure, "libwsp_preload.so is neither in " + folder +
                              " nor in ../lib from there");
  }
  if (library.find_first_of(" :") != std::string::npos) {
    return Fail(kFailure, "the loader can't preload " + library +
                              ": there is a space or a colon in its path");
  }
  const std::string socket = SocketPath(command);
  const int absent = command.fallback ? 0 : TryDaemon(socket);
  if (absent != 0) {
    return Fail(kFailure, "no wspd at " + socket + ": " + strerror(absent) +
                              "; --socket says where it is, --fallback goes "
                              "on without it");
  }
  const std::string preload = PreloadBefore(library, getenv("LD_PRELOAD"));
  if (setenv("LD_PRELOAD", preload.c_str(), 1) != 0 ||
      setenv("WSPD_SOCKET", socket.c_str(), 1) != 0 ||
      setenv("WSPD_PLANE", command.plane.c_str(), 1) != 0 ||
      setenv("WSPD_FALLBACK", command.fallback ? "1" : "0", 1) != 0) {
    return Fail(kFailure, std::string("setenv(): ") + strerror(errno));
  }
  return Execute(file, command.program);
}

}  // namespace
}  // namespace wsp

int main(int argc, char** argv) {
  wsp::WsprunCommand command;
  std::string error;
  if (!wsp::ParseWsprunCommand({argv + (argc > 0), argv + argc}, &command,
                               &error)) {
    return wsp::Fail(wsp::kFailure, error + " (wsprun --help tells more)");
  }
  switch (command.action) {
    case wsp::WsprunCommand::Action::kHelp:
      fputs(wsp::kWsprunUsage, stdout);
      return 0;
    case wsp::WsprunCommand::Action::kVersion:
      puts(wsp::kVersion);
      return 0;
    case wsp::WsprunCommand::Action::kRun:
      return wsp::Run(command);
  }
}
