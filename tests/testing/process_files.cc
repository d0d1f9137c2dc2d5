#include "tests/testing/process_files.h"

#include <dirent.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

namespace wspd::testing {
namespace {

std::string ProcPath(pid_t pid, const std::string& file) {
  return "/proc/" + (pid == 0 ? "self" : std::to_string(pid)) + "/" + file;
}

// Calls `visit` with each numeric name in a folder, and the folder's own
// descriptor.
void ForEachNumber(const std::string& folder,
                   const std::function<void(int number, int dir)>& visit) {
  DIR* const dir = opendir(folder.c_str());
  if (dir == nullptr) return;
  while (const dirent* const entry = readdir(dir)) {
    char* end;
    const long number = strtol(entry->d_name, &end, 10);
    if (end != entry->d_name && *end == '\0') {
      visit(static_cast<int>(number), dirfd(dir));
    }
  }
  closedir(dir);
}

// The number after "Name:" in a file of such lines, or 0.
size_t NumberIn(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, name.size() + 1, name + ":") == 0) {
      return strtoul(line.c_str() + name.size() + 1, nullptr, 10);
    }
  }
  return 0;
}

// Whether a thread is in the midst of its end, or gone.
bool IsExiting(pid_t pid, pid_t thread_id) {
  constexpr unsigned long kExiting = 4;  // PF_EXITING
  std::ifstream file(ProcPath(pid, "task/" + std::to_string(thread_id)) +
                     "/stat");
  std::string line;
  if (!std::getline(file, line)) return true;
  // Behind the name, which may have any characters: state, parent, group,
  // session, terminal, its group, flags.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string field;
  for (int i = 0; i < 6; ++i) fields >> field;
  unsigned long flags = 0;
  fields >> flags;
  return (flags & kExiting) != 0;
}

}  // namespace

std::set<std::string> MappedFiles(pid_t pid) {
  std::set<std::string> files;
  std::ifstream maps(ProcPath(pid, "maps"));
  std::string line;
  while (std::getline(maps, line)) {
    const size_t path = line.find('/');
    if (path != std::string::npos) files.insert(line.substr(path));
  }
  return files;
}

size_t AnonymousMappings(pid_t pid) {
  size_t size = 0;
  std::ifstream maps(ProcPath(pid, "maps"));
  std::string line;
  while (std::getline(maps, line)) {
    // "begin-end rights offset device inode", then the file, "[heap]" or such,
    // or nothing.
    if (line.find_first_of("/[") != std::string::npos) continue;
    char* end;
    const size_t from = strtoul(line.c_str(), &end, 16);
    size += strtoul(end + 1, nullptr, 16) - from;
  }
  return size;
}

std::set<pid_t> ThreadIds(pid_t pid) {
  std::set<pid_t> ids;
  ForEachNumber(ProcPath(pid, "task"), [&](int number, int) {
    if (!IsExiting(pid, number)) ids.insert(number);
  });
  return ids;
}

std::map<int, std::string> OpenDescriptors(pid_t pid) {
  std::map<int, std::string> descriptors;
  ForEachNumber(ProcPath(pid, "fd"), [&](int number, int dir) {
    if (pid == 0 && number == dir) return;
    char target[PATH_MAX];
    const std::string name = std::to_string(number);
    const ssize_t length = readlinkat(dir, name.c_str(), target, PATH_MAX);
    if (length >= 0) descriptors[number] = std::string(target, length);
  });
  return descriptors;
}

size_t AnonymousMemory(pid_t pid) {
  return NumberIn(ProcPath(pid, "status"), "RssAnon") * 1024;
}

size_t AllocatedMemory() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

bool IsQuiet(pid_t pid) {
  const auto switches = [pid] {
    std::map<pid_t, size_t> counts;
    for (const pid_t thread : ThreadIds(pid)) {
      const std::string path =
          ProcPath(pid, "task/" + std::to_string(thread) + "/status");
      counts[thread] = NumberIn(path, "voluntary_ctxt_switches") +
                       NumberIn(path, "nonvoluntary_ctxt_switches");
    }
    return counts;
  };
  const std::map<pid_t, size_t> before = switches();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  return switches() == before;
}

long SleepCount(pid_t thread_id) {
  const std::string path =
      "/proc/self/task/" + std::to_string(thread_id) + "/status";
  std::ifstream file(path);
  std::stringstream status;
  status << file.rdbuf();
  if (status.str().find("State:\tS") == std::string::npos) return 0;
  return static_cast<long>(NumberIn(path, "voluntary_ctxt_switches")) + 1;
}

}  // namespace wspd::testing
