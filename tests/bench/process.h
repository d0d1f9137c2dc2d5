#ifndef WSPD_TESTS_BENCH_PROCESS_H_
#define WSPD_TESTS_BENCH_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace wspd::bench {

constexpr int kServerCpu = 0;
constexpr int kClientCpu = 1;
constexpr int kAnyCpu = -1;

// Pins the calling process, which must have one thread. Does nothing on a
// machine without that CPU.
void PinTo(int cpu);

// A child that is killed when this object goes, or when this process does. All
// functions die on failure.
class ChildProcess {
 public:
  // Runs `body` in a fork and ends it with status 0.
  ChildProcess(int cpu, const std::function<void()>& body);
  // Runs a program, whose standard output ReadLine reads and whose standard
  // input WriteLine writes.
  ChildProcess(int cpu, const std::vector<std::string>& command);
  ~ChildProcess();

  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Without the end of the line. Dies at the end of the output.
  std::string ReadLine();
  void WriteLine(const std::string& line);

  void Signal(int number);
  // Returns its exit status, or 128 and the number of the signal that ended it.
  int Wait();

 private:
  void Start(int cpu, const std::function<void()>& body);

  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
};

// The running program with `arguments`.
std::vector<std::string> SelfCommand(const std::vector<std::string>& arguments);

// Runs the program to its end and returns the first line that it writes.
std::string FirstLineOf(int cpu, const std::vector<std::string>& command);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_PROCESS_H_
