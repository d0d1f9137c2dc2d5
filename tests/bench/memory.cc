#include "tests/bench/memory.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/bench/die.h"

namespace wspd::bench {

double MemoryKib(pid_t pid, const std::string& field) {
  const std::string path = "/proc/" + std::to_string(pid) + "/smaps_rollup";
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    double kib = 0;
    if (word == field + ":" && file >> kib) return kib;
  }
  Die(path + " has no " + field);
}

int ThreadCount() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<int>(std::distance(begin(tasks), end(tasks)));
}

}  // namespace wspd::bench
