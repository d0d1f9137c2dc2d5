#include "tests/testing/unread_frames.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/testing/owned_fd.h"
#include "tests/testing/process_files.h"

namespace wspd::testing {
namespace {

template <typename Value>
bool GetOption(int fd, int option, Value* value) {
  socklen_t length = sizeof(*value);
  return getsockopt(fd, SOL_SOCKET, option, value, &length) == 0;
}

bool IsConnectionOf(int fd, pid_t client) {
  int family = 0;
  ucred peer = {};
  return GetOption(fd, SO_DOMAIN, &family) && family == AF_UNIX &&
         GetOption(fd, SO_PEERCRED, &peer) && peer.pid == client;
}

// A duplicate of the daemon's end of the connection.
OwnedFd FindConnection(pid_t daemon, pid_t client) {
  const OwnedFd process(static_cast<int>(syscall(SYS_pidfd_open, daemon, 0)));
  for (const auto& [number, what] : OpenDescriptors(daemon)) {
    if (what.compare(0, 7, "socket:") != 0) continue;
    OwnedFd fd(
        static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), number, 0)));
    if (fd.is_open() && IsConnectionOf(fd.get(), client)) return fd;
  }
  return OwnedFd();
}

size_t BigEndian(std::string_view bytes) {
  size_t value = 0;
  for (const char byte : bytes) {
    value = value << 8 | static_cast<unsigned char>(byte);
  }
  return value;
}

// Cuts `size` bytes off the front; fewer if there are no more.
std::string_view Cut(std::string_view* bytes, size_t size) {
  const std::string_view front = bytes->substr(0, size);
  bytes->remove_prefix(front.size());
  return front;
}

// The payload of HTTP/2's DATA frames.
std::string DataOf(std::string_view http2) {
  std::string data;
  while (!http2.empty()) {
    constexpr char kData = 0;
    const std::string_view header = Cut(&http2, 9);
    if (header.size() < 9) break;
    const std::string_view payload =
        Cut(&http2, BigEndian(header.substr(0, 3)));
    if (header[3] == kData) data += payload;
  }
  return data;
}

// gRPC's messages, a frame each: how many are whole, and whether a part of one
// comes behind them.
void CountMessages(std::string_view messages, UnreadFrames* frames) {
  while (!messages.empty()) {
    const std::string_view header = Cut(&messages, 5);
    const size_t size =
        BigEndian(header.substr(std::min<size_t>(1, header.size())));
    frames->ends_within_frame =
        header.size() < 5 || Cut(&messages, size).size() < size;
    if (!frames->ends_within_frame) ++frames->messages;
  }
}

}  // namespace

UnreadFrames PeekUnreadFrames(pid_t daemon, pid_t client) {
  const OwnedFd fd = FindConnection(daemon, client);
  std::string bytes(size_t{4} << 20, '\0');
  const ssize_t size =
      recv(fd.get(), &bytes[0], bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  bytes.resize(std::max<ssize_t>(0, size));
  UnreadFrames frames;
  frames.bytes = bytes.size();
  CountMessages(DataOf(bytes), &frames);
  return frames;
}

}  // namespace wspd::testing
