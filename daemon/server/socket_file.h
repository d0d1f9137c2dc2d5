#ifndef WSPD_DAEMON_SERVER_SOCKET_FILE_H_
#define WSPD_DAEMON_SERVER_SOCKET_FILE_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/base/owned_fd.h"

namespace wspd {

struct SocketFileOptions {
  // At most kMaxSocketPathBytes. Its folder is created (0755) if it is missing,
  // the folders above are not.
  std::string path;
  // Permission bits, whatever the umask is.
  mode_t mode = 0660;
  // Owner group of the file; unset: the daemon's own.
  absl::optional<gid_t> group;
};

// What sockaddr_un holds, without the closing zero.
inline constexpr size_t kMaxSocketPathBytes = 107;

// A listening Unix stream socket with its file. Never takes the path from a
// server that lives, and does replace the file that a dead one left.
//
// PATH.lock, locked for as long as this lives and naming the pid, decides
// between two daemons. It stays behind, unlocked: removing it would let two
// daemons hold two locks of the same name.
//
// Not thread-safe.
class SocketFile {
 public:
  // ALREADY_EXISTS "another wspd (pid N) serves PATH"; INVALID_ARGUMENT for a
  // path that is too long; FAILED_PRECONDITION if something that isn't a socket
  // is in its place; else the failed system call.
  static absl::StatusOr<std::unique_ptr<SocketFile>> Create(
      const SocketFileOptions& options);

  // A listening socket that somebody else made at `path` and keeps: without
  // lock, and the file is left where it is. Makes the descriptor non-blocking.
  // INVALID_ARGUMENT if it isn't a Unix stream socket that listens at `path`,
  // said with its `name`.
  static absl::StatusOr<std::unique_ptr<SocketFile>> Adopt(
      absl::string_view name, const std::string& path, OwnedFd socket);

  // Closes the socket and removes the file, if that is still the one it made.
  ~SocketFile();

  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

  // Non-blocking, listening; owned by this object.
  int listen_fd() const { return socket_.get(); }
  const std::string& path() const { return path_; }

 private:
  SocketFile(std::string path, OwnedFd lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  absl::Status Listen(const SocketFileOptions& options);

  const std::string path_;
  // Closed, and so released, last. Invalid if the socket was adopted.
  OwnedFd lock_;
  OwnedFd socket_;
  // What Listen made; 0, 0 before, and if somebody else made it.
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVER_SOCKET_FILE_H_
