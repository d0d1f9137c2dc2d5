#include "client_stub/preload/descriptor_channel.h"

#include <errno.h>
#include <string.h>

#include "client_stub/preload/kernel_calls.h"

namespace wsp {
namespace {

// In place of HTTP/2's preface.
constexpr uint8_t kPreface[8] = {'W', 'S', 'P', 'D', 'F', 'D', '1', '\n'};
constexpr size_t kTokenBytes = 16;
// {call id, SO_COOKIE}, little endian.
constexpr size_t kMessageBytes = 16;
constexpr uint64_t kHighestErrno = 4095;
// A farewell's second number; the first is 0, which is no socket's.
constexpr uint64_t kLeaves = 1;
constexpr uint64_t kStays = 2;

uint64_t LittleEndian(const uint8_t* bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

void PutLittleEndian(uint64_t value, uint8_t* bytes) {
  for (int i = 0; i < 8; ++i, value >>= 8) {
    bytes[i] = static_cast<uint8_t>(value);
  }
}

}  // namespace

int DescriptorChannel::Greet(ByteView token, int64_t deadline_ms) {
  if (token.size != kTokenBytes) return -ENETDOWN;
  const int error = connection_.Open(deadline_ms);
  if (error != 0) return error;
  const ByteView greeting[] = {{kPreface, sizeof kPreface}, token};
  // So few bytes go into an empty connection at once.
  const RawIo::Result sent = connection_.Write(greeting, 2);
  return sent.status == IoStatus::kDone &&
                 sent.bytes == sizeof kPreface + kTokenBytes
             ? 0
             : -ENETDOWN;
}

int DescriptorChannel::AwaitWelcome(int64_t deadline_ms) {
  uint8_t answer[kMessageBytes];
  if (!ReadMessage(answer, deadline_ms)) return -ENETDOWN;
  constexpr uint8_t kWelcome[kMessageBytes] = {};
  return memcmp(answer, kWelcome, sizeof answer) == 0 ? 0 : -ENETDOWN;
}

bool DescriptorChannel::ReadMessage(uint8_t* message, int64_t deadline_ms) {
  for (size_t size = 0; size < kMessageBytes;) {
    if (connection_.Await(false, deadline_ms, nullptr) ==
        DaemonConnection::Waited::kTimeout) {
      return false;
    }
    const RawIo::Result read =
        connection_.Read(message + size, kMessageBytes - size);
    if (read.status == IoStatus::kBroken) return false;
    size += read.bytes;
  }
  return true;
}

int DescriptorChannel::Adopt(uint64_t number, int fd, int64_t deadline_ms) {
  uint8_t request[kMessageBytes] = {};
  PutLittleEndian(number, request);
  if (!connection_.WriteWithDescriptor(request, sizeof request, fd)) {
    return -EPIPE;
  }
  for (;;) {
    uint8_t answer[kMessageBytes];
    // Read without room for descriptors: one of a call whose result nobody has
    // waited for is closed by that.
    if (!ReadMessage(answer, deadline_ms)) return -EPIPE;
    if (LittleEndian(answer) != number) continue;
    const uint64_t error = LittleEndian(answer + 8);
    return error <= kHighestErrno ? -static_cast<int>(error) : -EPIPE;
  }
}

void DescriptorChannel::SayFarewell(bool stays) {
  if (!IsIntact()) return;
  uint8_t message[kMessageBytes] = {};
  PutLittleEndian(stays ? kStays : kLeaves, message + 8);
  const ByteView bytes = {message, sizeof message};
  (void)connection_.Write(&bytes, 1);
}

bool DescriptorChannel::Drop(uint64_t call_id) {
  for (;;) {
    uint8_t message[kMessageBytes];
    // As above; it is there as a whole.
    const RawIo::Result read = connection_.Read(message, sizeof message);
    if (read.status != IoStatus::kDone || read.bytes != sizeof message) {
      return false;
    }
    if (LittleEndian(message) == call_id) return true;
  }
}

int DescriptorChannel::Take(uint64_t call_id, bool close_on_exec) {
  for (;;) {
    uint8_t message[kMessageBytes];
    int fd;
    const int size = connection_.ReadWithDescriptor(message, sizeof message,
                                                    close_on_exec, &fd);
    if (size == -ENOBUFS) {
      // The kernel drops what it has no number for.
      if (LittleEndian(message) == call_id) return -EMFILE;
      continue;
    }
    if (size == static_cast<int>(kMessageBytes) && fd >= 0) {
      if (LittleEndian(message) == call_id) return fd;
      kernel::Close(fd);
      continue;
    }
    if (fd >= 0) kernel::Close(fd);
    return -EPIPE;
  }
}

}  // namespace wsp
