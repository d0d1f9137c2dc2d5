#include "tests/bench/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/die.h"

namespace wspd::bench {
namespace {

[[noreturn]] void Execute(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  DieOfErrno("exec " + command[0]);
}

}  // namespace

void PinTo(int cpu) {
  if (cpu == kAnyCpu || sysconf(_SC_NPROCESSORS_ONLN) <= cpu) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  CheckErrno(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

void ChildProcess::Start(int cpu, const std::function<void()>& body) {
  const pid_t parent = getpid();
  pid_ = CheckErrno(fork(), "fork");
  if (pid_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  PinTo(cpu);
  body();
  _exit(0);
}

ChildProcess::ChildProcess(int cpu, const std::function<void()>& body) {
  Start(cpu, body);
}

ChildProcess::ChildProcess(int cpu, const std::vector<std::string>& command) {
  int input[2];
  int output[2];
  CheckErrno(pipe2(input, O_CLOEXEC), "pipe2");
  CheckErrno(pipe2(output, O_CLOEXEC), "pipe2");
  Start(cpu, [&] {
    dup2(input[0], STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    Execute(command);
  });
  close(input[0]);
  close(output[1]);
  input_ = input[1];
  output_ = output[0];
}

ChildProcess::~ChildProcess() {
  if (pid_ != -1) {
    Signal(SIGKILL);
    Wait();
  }
  if (input_ != -1) close(input_);
  if (output_ != -1) close(output_);
}

std::string ChildProcess::ReadLine() {
  std::string line;
  char next;
  while (true) {
    const ssize_t count = read(output_, &next, 1);
    if (count != 1) Die("a helper process ended early");
    if (next == '\n') return line;
    line += next;
  }
}

void ChildProcess::WriteLine(const std::string& line) {
  const std::string text = line + "\n";
  CheckErrno(static_cast<int>(write(input_, text.data(), text.size())),
             "write to helper");
}

void ChildProcess::Signal(int number) { kill(pid_, number); }

int ChildProcess::Wait() {
  int status = 0;
  CheckErrno(waitpid(pid_, &status, 0), "waitpid");
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::vector<std::string> SelfCommand(
    const std::vector<std::string>& arguments) {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  CheckErrno(static_cast<int>(length), "readlink");
  std::vector<std::string> command = {std::string(path, length)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

std::string FirstLineOf(int cpu, const std::vector<std::string>& command) {
  ChildProcess child(cpu, command);
  std::string line = child.ReadLine();
  if (child.Wait() != 0) Die("a helper process failed");
  return line;
}

}  // namespace wspd::bench
