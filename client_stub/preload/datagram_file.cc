// What the kernel sends out of pipes and files would lack the header.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>

#include "client_stub/preload/datagram_calls.h"
#include "client_stub/preload/kernel_calls.h"
#include "proto/relay_wire.h"

namespace wsp {
namespace {

// A byte more than any datagram has, to see that there is one.
constexpr size_t kBufferBytes = relay::kMaxDatagramBytes + 1;

// Memory of the kernel's, for the largest datagram: a handler's stack is too
// small for it. Not cancellable meanwhile, which would lose it.
class Buffer {
 public:
  Buffer() {
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state_);
    address_ = kernel::Call(SYS_mmap, 0L, static_cast<long>(kBufferBytes),
                            PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                            -1L, 0L);
  }
  ~Buffer() {
    if (error() == 0) {
      kernel::Call(SYS_munmap, address_, static_cast<long>(kBufferBytes));
    }
    pthread_setcancelstate(cancel_state_, nullptr);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // A negative errno if there is none.
  long error() const { return address_ < 0 && address_ > -4096 ? address_ : 0; }
  void* data() const { return reinterpret_cast<void*>(address_); }

 private:
  int cancel_state_;
  long address_;
};

}  // namespace

long DatagramSplice(int fd, const relay::Name& name, int pipe, size_t size,
                    unsigned flags) {
  if (size == 0) return 0;
  const bool nonblocking = (flags & SPLICE_F_NONBLOCK) != 0;
  pollfd wait = {pipe, POLLIN, 0};
  const int ready = poll(&wait, 1, nonblocking ? 0 : -1);
  if (ready < 0) return -errno;
  if (ready == 0) return -EAGAIN;
  const Buffer buffer;
  if (buffer.error() != 0) return buffer.error();
  const long read = kernel::Call(
      SYS_read, pipe, buffer.data(),
      static_cast<long>(std::min<size_t>(size, relay::kMaxDatagramBytes)));
  if (read <= 0) return read;
  return DatagramSendTo(fd, name, buffer.data(), static_cast<size_t>(read),
                        (nonblocking ? MSG_DONTWAIT : 0) |
                            ((flags & SPLICE_F_MORE) != 0 ? MSG_MORE : 0),
                        nullptr, 0);
}

long DatagramSendFile(int fd, const relay::Name& name, int file, off_t* offset,
                      size_t size) {
  const long begin =
      offset != nullptr ? *offset : kernel::Call(SYS_lseek, file, 0L, SEEK_CUR);
  if (begin < 0) return offset != nullptr ? -EINVAL : begin;
  const Buffer buffer;
  if (buffer.error() != 0) return buffer.error();
  const long read =
      kernel::Call(SYS_pread64, file, buffer.data(),
                   static_cast<long>(std::min(size, kBufferBytes)), begin);
  if (read <= 0) return read;
  const long sent = DatagramSendTo(fd, name, buffer.data(),
                                   static_cast<size_t>(read), 0, nullptr, 0);
  if (sent < 0) return sent;
  if (offset != nullptr) {
    *offset = begin + sent;
  } else {
    kernel::Call(SYS_lseek, file, begin + sent, SEEK_SET);
  }
  return sent;
}

}  // namespace wsp
