#include "client_stub/transport/unix_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "client_stub/transport/posix/descriptors.h"

namespace wsp {
namespace {

constexpr char kDefaultPath[] = "/run/wspd/wspd.sock";
constexpr size_t kMostSlices = 64;

RawIo::Result ResultOf(ssize_t bytes) {
  if (bytes > 0) return {IoStatus::kDone, static_cast<size_t>(bytes)};
  if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return {IoStatus::kBlocked, 0};
  }
  return {IoStatus::kBroken, 0};
}

}  // namespace

const char* ProviderSocketPath() {
  const char* path = getenv("WSPD_SOCKET");
  return path != nullptr && *path != '\0' ? path : kDefaultPath;
}

bool AsksForLentSockets() {
  const char* plane = getenv("WSPD_PLANE");
  return plane != nullptr &&
         (strcmp(plane, "lent") == 0 || strcmp(plane, "auto") == 0);
}

int ConnectUnixSocket(const char* path) {
  sockaddr_un address;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  const size_t size = strlen(path);
  if (size >= sizeof address.sun_path) return kNobodyListens;
  memcpy(address.sun_path, path, size);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return kNobodyListens;
  int error;
  do {
    error = connect(fd, reinterpret_cast<const sockaddr*>(&address),
                    sizeof address) == 0
                ? 0
                : errno;
  } while (error == EINTR);
  if (error == 0) return AdoptDescriptor(fd);
  close(fd);
  return error == EAGAIN ? kQueueFull : kNobodyListens;
}

void CloseUnixSocket(int fd) { CloseDescriptor(fd); }

RawIo::Result SocketIo::Write(const ByteView* slices, size_t count) {
  iovec parts[kMostSlices];
  count = std::min(count, kMostSlices);
  for (size_t i = 0; i < count; ++i) {
    parts[i].iov_base = const_cast<uint8_t*>(slices[i].data);
    parts[i].iov_len = slices[i].size;
  }
  msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = parts;
  message.msg_iovlen = count;
  ssize_t bytes;
  do {
    bytes = sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (bytes < 0 && errno == EINTR);
  return ResultOf(bytes);
}

RawIo::Result SocketIo::Read(uint8_t* buffer, size_t size) {
  ssize_t bytes;
  do {
    bytes = recv(fd_, buffer, size, MSG_DONTWAIT);
  } while (bytes < 0 && errno == EINTR);
  return ResultOf(bytes);
}

}  // namespace wsp
