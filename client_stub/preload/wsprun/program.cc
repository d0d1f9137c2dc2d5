#include "client_stub/preload/wsprun/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace wsp {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
constexpr char kLoader[] = "/lib64/ld-linux-x86-64.so.2";
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
constexpr char kLoader[] = "/lib/ld-linux-aarch64.so.1";
#else
#error "which machine is this?"
#endif
constexpr unsigned char kClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

// As the kernel reads them.
constexpr size_t kScriptLineBytes = 256;
constexpr int kMostScripts = 5;
constexpr char kDefaultSearchPath[] = "/bin:/usr/bin";

class File {
 public:
  explicit File(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  // What is there, at most `size` bytes.
  std::string Read(size_t size, uint64_t offset) const {
    std::string bytes(size, '\0');
    const ssize_t got =
        pread(fd_, bytes.data(), size, static_cast<off_t>(offset));
    bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }

 private:
  const int fd_;
};

bool IsExecutableFile(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return false;
  if (S_ISREG(status.st_mode) && access(path.c_str(), X_OK) == 0) return true;
  errno = EACCES;
  return false;
}

// Whether execve() ignores what the file says about users and capabilities.
bool PrivilegesAreIgnored(int fd) {
  struct statvfs file_system;
  if (fstatvfs(fd, &file_system) == 0 &&
      (file_system.f_flag & ST_NOSUID) != 0) {
    return true;
  }
  return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

// What makes the loader ignore LD_PRELOAD.
std::string WhyPrivileged(const std::string& path, const File& file) {
  struct stat status;
  if (fstat(file.fd(), &status) != 0 || PrivilegesAreIgnored(file.fd())) {
    return "";
  }
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid()) {
    return path + " is set-user-ID";
  }
  // Without the group's right to execute it means something else.
  if ((status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0 &&
      status.st_gid != getgid()) {
    return path + " is set-group-ID";
  }
  if (getuid() != 0 &&
      fgetxattr(file.fd(), "security.capability", nullptr, 0) > 0) {
    return path + " has file capabilities";
  }
  return "";
}

bool IsLoader(const File& file) {
  struct stat ours;
  struct stat loaders;
  return fstat(file.fd(), &ours) == 0 && stat(kLoader, &loaders) == 0 &&
         ours.st_dev == loaders.st_dev && ours.st_ino == loaders.st_ino;
}

std::string WhyNotElf(const std::string& path, const File& file,
                      const std::string& start) {
  Header header;
  const auto* ident = reinterpret_cast<const unsigned char*>(start.data());
  if (start.size() <= EI_CLASS || ident[EI_CLASS] != kClass) {
    return path + " is for another word size than the library";
  }
  if (start.size() < sizeof header) return "";
  memcpy(&header, start.data(), sizeof header);
  if (header.e_machine != kMachine) {
    return path + " is for another processor than the library";
  }
  if (header.e_phentsize != sizeof(Segment)) return "";
  const std::string table =
      file.Read(header.e_phnum * sizeof(Segment), header.e_phoff);
  for (size_t at = 0; at + sizeof(Segment) <= table.size();
       at += sizeof(Segment)) {
    Segment segment;
    memcpy(&segment, table.data() + at, sizeof segment);
    if (segment.p_type != PT_INTERP) continue;
    const std::string loader =
        file.Read(std::min<size_t>(segment.p_filesz, 4096), segment.p_offset)
            .c_str();
    const size_t slash = loader.rfind('/');
    if (loader.substr(slash + 1) == strrchr(kLoader, '/') + 1) return "";
    return std::string(path)
        .append(" has another C library's loader, ")
        .append(loader);
  }
  // The loader itself, as a command, preloads for what it is given.
  if (IsLoader(file)) return "";
  return path + " is statically linked";
}

// The first word behind "#!".
std::string InterpreterOf(const std::string& start) {
  const std::string line = start.substr(2, start.find('\n') - 2);
  const size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  const size_t end = line.find_first_of(std::string(" \t\0", 3), begin);
  return line.substr(begin, end - begin);
}

}  // namespace

int FindProgram(const std::string& name, const char* search_path,
                std::string* file) {
  if (name.empty()) return ENOENT;
  if (name.find('/') != std::string::npos) {
    *file = name;
    return IsExecutableFile(name) ? 0 : errno;
  }
  const std::string folders =
      search_path != nullptr ? search_path : kDefaultSearchPath;
  int error = ENOENT;
  for (size_t begin = 0; begin <= folders.size();) {
    const size_t end = std::min(folders.find(':', begin), folders.size());
    const std::string folder = folders.substr(begin, end - begin);
    *file = (folder.empty() ? "." : folder) + "/" + name;
    if (IsExecutableFile(*file)) return 0;
    if (errno == EACCES) error = EACCES;
    begin = end + 1;
  }
  return error;
}

std::string WhyNotPreloadable(const std::string& file) {
  std::string path = file;
  for (int i = 0; i < kMostScripts; ++i) {
    const File opened(path);
    if (!opened.is_open()) {
      // One that isn't there is for whoever executes it to say. Of one that may
      // be executed and not read nobody knows what it is.
      if (access(path.c_str(), X_OK) != 0) return "";
      return path + " can't be read, to see whether the library can be loaded";
    }
    const std::string start = opened.Read(kScriptLineBytes, 0);
    if (start.compare(0, SELFMAG, ELFMAG, SELFMAG) == 0) {
      const std::string why = WhyPrivileged(path, opened);
      return why.empty() ? WhyNotElf(path, opened, start) : why;
    }
    // What is neither is the shell's, or not executable at all.
    if (start.compare(0, 2, "#!") != 0) return "";
    path = InterpreterOf(start);
    if (path.empty()) return "";
  }
  return "";
}

}  // namespace wsp
