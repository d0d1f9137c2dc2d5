#include "client_stub/transport/descriptor_connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "client_stub/transport/posix/descriptors.h"
#include "client_stub/transport/unix_socket.h"

namespace wsp {
namespace {

// In place of HTTP/2's preface.
constexpr uint8_t kPreface[8] = {'W', 'S', 'P', 'D', 'F', 'D', '1', '\n'};
constexpr size_t kTokenBytes = 16;
// {call id, SO_COOKIE}, little endian.
constexpr size_t kMessageBytes = 16;

uint64_t LittleEndian(const uint8_t* bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000} + now.tv_nsec / 1000000;
}

// Says whose descriptors are wanted. So few bytes go into an empty connection
// at once.
bool Introduce(int connection, ByteView token) {
  const ByteView greeting[] = {{kPreface, sizeof kPreface}, token};
  SocketIo io(connection);
  const RawIo::Result sent = io.Write(greeting, 2);
  return sent.status == IoStatus::kDone &&
         sent.bytes == sizeof kPreface + kTokenBytes;
}

// The daemon's first message.
bool AwaitWelcome(int connection, int timeout_ms) {
  const int64_t deadline = NowMs() + timeout_ms;
  uint8_t answer[kMessageBytes];
  SocketIo io(connection);
  for (size_t size = 0; size < sizeof answer;) {
    const int64_t left = deadline - NowMs();
    pollfd wait = {connection, POLLIN, 0};
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) == 0) return false;
    const RawIo::Result read = io.Read(answer + size, sizeof answer - size);
    if (read.status == IoStatus::kBroken) return false;
    size += read.bytes;
  }
  constexpr uint8_t kWelcome[kMessageBytes] = {};
  return memcmp(answer, kWelcome, sizeof answer) == 0;
}

// One message, without waiting; false if there is none. `*descriptor` is -1 if
// it came without one.
bool Receive(int connection, uint64_t* call_id, int* descriptor) {
  uint8_t bytes[kMessageBytes];
  iovec piece = {bytes, sizeof bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size;
  do {
    size = recvmsg(connection, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  *descriptor = -1;
  if (size <= 0) return false;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET &&
      header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int))) {
    memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
  }
  if (size != static_cast<ssize_t>(sizeof bytes)) {
    if (*descriptor >= 0) close(*descriptor);
    return false;
  }
  *call_id = LittleEndian(bytes);
  return true;
}

}  // namespace

int DescriptorConnection::Open(const char* path, ByteView token,
                               int timeout_ms) {
  if (token.size != kTokenBytes) return -1;
  const int connection = ConnectUnixSocket(path);
  if (connection < 0) return -1;
  if (Introduce(connection, token) && AwaitWelcome(connection, timeout_ms)) {
    return connection;
  }
  CloseUnixSocket(connection);
  return -1;
}

void DescriptorConnection::Adopt(int connection, ByteView token) {
  Close();
  connection_ = connection;
  token_.assign(token.data, token.data + token.size);
}

void DescriptorConnection::Close() {
  for (const Waiting& waiting : waiting_) close(waiting.descriptor);
  waiting_.clear();
  if (connection_ >= 0) CloseUnixSocket(connection_);
  connection_ = -1;
}

bool DescriptorConnection::BelongsTo(ByteView token) const {
  return is_open() && token.size == token_.size() &&
         memcmp(token.data, token_.data(), token.size) == 0;
}

int DescriptorConnection::Take(uint64_t call_id) {
  const auto found = std::find_if(
      waiting_.begin(), waiting_.end(),
      [=](const Waiting& waiting) { return waiting.call_id == call_id; });
  if (found != waiting_.end()) {
    const int descriptor = found->descriptor;
    waiting_.erase(found);
    return descriptor;
  }
  uint64_t id;
  int descriptor;
  while (connection_ >= 0 && Receive(connection_, &id, &descriptor)) {
    // Without one the kernel had no number for it.
    if (id == call_id) return descriptor;
    if (descriptor < 0) continue;
    if (waiting_.size() == kMostWaiting) {
      close(waiting_.front().descriptor);
      waiting_.erase(waiting_.begin());
    }
    waiting_.push_back({id, descriptor});
  }
  return -1;
}

}  // namespace wsp
