#include "daemon/server/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace wspd {
namespace {

constexpr mode_t kFolderMode = 0755;

absl::Status CallError(int error, absl::string_view call,
                       absl::string_view path) {
  return absl::ErrnoToStatus(error, absl::StrCat(call, "(", path, ")"));
}

absl::Status ServedError(const std::string& path, pid_t pid) {
  return absl::AlreadyExistsError(
      pid > 0 ? absl::StrCat("another wspd (pid ", pid, ") serves ", path)
              : absl::StrCat("another wspd serves ", path));
}

absl::Status CheckPath(const std::string& path) {
  if (path.empty()) {
    return absl::InvalidArgumentError("the path of a socket is empty");
  }
  if (path.find('\0') != std::string::npos || path.back() == '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("not the path of a socket: ", path));
  }
  if (path.size() > kMaxSocketPathBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the path of a socket has at most ", kMaxSocketPathBytes,
                     " bytes, ", path, " has ", path.size()));
  }
  return absl::OkStatus();
}

absl::Status MakeFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return absl::OkStatus();
  const std::string folder = path.substr(0, slash);
  if (mkdir(folder.c_str(), kFolderMode) != 0) {
    const int error = errno;
    if (error == EEXIST) return absl::OkStatus();
    return CallError(error, "mkdir", folder);
  }
  // The umask may have taken some of the mode away.
  if (chmod(folder.c_str(), kFolderMode) != 0) {
    return CallError(errno, "chmod", folder);
  }
  return absl::OkStatus();
}

pid_t ReadPid(int fd) {
  char text[32];
  const ssize_t size = pread(fd, text, sizeof(text), 0);
  pid_t pid;
  if (size <= 0 || !absl::SimpleAtoi(absl::string_view(text, size), &pid)) {
    return 0;
  }
  return pid;
}

// Takes the lock that belongs to `path`, and writes our pid into its file.
absl::StatusOr<OwnedFd> Lock(const std::string& path) {
  const std::string lock_path = absl::StrCat(path, ".lock");
  OwnedFd lock(open(lock_path.c_str(),
                    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                    0600));
  if (!lock.valid()) return CallError(errno, "open", lock_path);
  // In a folder that others may write to, they could hold the lock for ever.
  struct stat status;
  if (fstat(lock.get(), &status) != 0) {
    return CallError(errno, "fstat", lock_path);
  }
  if (status.st_uid != geteuid() || !S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(lock_path, " is not a file of this user"));
  }
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error == EWOULDBLOCK) return ServedError(path, ReadPid(lock.get()));
    return CallError(error, "flock", lock_path);
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(lock.get(), 0) != 0 ||
      pwrite(lock.get(), pid.data(), pid.size(), 0) !=
          static_cast<ssize_t>(pid.size())) {
    return CallError(errno, "write", lock_path);
  }
  return lock;
}

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// Removes the socket file that a dead server left. Having the lock we know that
// no wspd lives; that nobody else listens there is seen by connecting.
absl::Status RemoveStale(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) {
    const int error = errno;
    return error == ENOENT ? absl::OkStatus() : CallError(error, "lstat", path);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, S_ISLNK(status.st_mode) ? " is a symbolic link" : " is no socket",
        "; remove it or choose another path"));
  }
  OwnedFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return absl::ErrnoToStatus(errno, "socket(AF_UNIX)");
  const sockaddr_un address = AddressOf(path);
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) == 0) {
    ucred server{};
    socklen_t size = sizeof(server);
    getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &server, &size);
    return ServedError(path, server.pid);
  }
  const int error = errno;
  if (error == EAGAIN) return ServedError(path, 0);
  if (error != ECONNREFUSED) return CallError(error, "connect", path);
  if (unlink(path.c_str()) != 0) return CallError(errno, "unlink", path);
  return absl::OkStatus();
}

// Whether `fd` has the option's value; false also if it is no socket.
bool HasOption(int fd, int option, int value) {
  int actual = -1;
  socklen_t size = sizeof(actual);
  return getsockopt(fd, SOL_SOCKET, option, &actual, &size) == 0 &&
         actual == value;
}

// Where a Unix socket is, for people.
std::string DescribePlace(const sockaddr_un& address, socklen_t size) {
  const size_t head = offsetof(sockaddr_un, sun_path);
  if (size <= head) return "no path";
  const absl::string_view name(address.sun_path, size - head);
  if (name[0] == '\0') return absl::StrCat("the abstract @", name.substr(1));
  return std::string(name.substr(0, name.find('\0')));
}

// Whether `fd` listens at `path`, as a socket that was passed has to.
absl::Status CheckPassed(const std::string& who, const std::string& path,
                         int fd) {
  if (!HasOption(fd, SO_DOMAIN, AF_UNIX) ||
      !HasOption(fd, SO_TYPE, SOCK_STREAM)) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, " is no Unix stream socket"));
  }
  if (!HasOption(fd, SO_ACCEPTCONN, 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, " doesn't listen; Accept= has to be no"));
  }
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return absl::ErrnoToStatus(errno, "getsockname()");
  }
  const std::string place = DescribePlace(address, size);
  if (place != path) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, " listens at ", place, ", the configuration says ",
                     path, "; make them the same"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SocketFile>> SocketFile::Adopt(
    absl::string_view name, const std::string& path, OwnedFd socket) {
  if (auto status = CheckPassed(
          absl::StrCat("the passed socket \"", name, "\""), path, socket.get());
      !status.ok()) {
    return status;
  }
  const int flags = fcntl(socket.get(), F_GETFL);
  if (flags < 0 || fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return CallError(errno, "fcntl(F_SETFL)", path);
  }
  std::unique_ptr<SocketFile> file(new SocketFile(path, OwnedFd()));
  file->socket_ = std::move(socket);
  return file;
}

absl::StatusOr<std::unique_ptr<SocketFile>> SocketFile::Create(
    const SocketFileOptions& options) {
  if (auto status = CheckPath(options.path); !status.ok()) return status;
  if (auto status = MakeFolderOf(options.path); !status.ok()) return status;
  auto lock = Lock(options.path);
  if (!lock.ok()) return lock.status();
  if (auto status = RemoveStale(options.path); !status.ok()) return status;
  std::unique_ptr<SocketFile> file(
      new SocketFile(options.path, *std::move(lock)));
  if (auto status = file->Listen(options); !status.ok()) return status;
  return file;
}

absl::Status SocketFile::Listen(const SocketFileOptions& options) {
  socket_.Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_.valid()) return absl::ErrnoToStatus(errno, "socket(AF_UNIX)");
  // bind(2) gives the file the socket's mode less the umask: never more than is
  // wanted, also before the chmod below.
  if (fchmod(socket_.get(), options.mode) != 0) {
    return CallError(errno, "fchmod", path_);
  }
  const sockaddr_un address = AddressOf(path_);
  if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
           sizeof(address)) != 0) {
    return CallError(errno, "bind", path_);
  }
  struct stat status;
  if (lstat(path_.c_str(), &status) != 0) {
    return CallError(errno, "lstat", path_);
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
  if (options.group &&
      lchown(path_.c_str(), static_cast<uid_t>(-1), *options.group) != 0) {
    return CallError(errno, "chown", path_);
  }
  if (chmod(path_.c_str(), options.mode) != 0) {
    return CallError(errno, "chmod", path_);
  }
  // Last: nobody gets in before the permissions stand.
  if (listen(socket_.get(), SOMAXCONN) != 0) {
    return CallError(errno, "listen", path_);
  }
  return absl::OkStatus();
}

SocketFile::~SocketFile() {
  struct stat status;
  if (inode_ != 0 && lstat(path_.c_str(), &status) == 0 &&
      status.st_dev == device_ && status.st_ino == inode_) {
    unlink(path_.c_str());
  }
  socket_.Reset();
}

}  // namespace wspd
