#ifndef WSPD_CLIENT_STUB_PRELOAD_DAEMON_CONNECTION_H_
#define WSPD_CLIENT_STUB_PRELOAD_DAEMON_CONNECTION_H_

#include <signal.h>

#include <cstdint>

#include "client_stub/preload/own_descriptors.h"
#include "client_stub/transport/raw_io.h"

namespace wsp {

// A connection of this process to the daemon's socket. Not thread-safe. All
// times are milliseconds of kernel::NowMs().
class DaemonConnection final : public RawIo {
 public:
  DaemonConnection() = default;
  ~DaemonConnection() override { OwnDescriptor::Close(descriptor_); }

  DaemonConnection(const DaemonConnection&) = delete;
  DaemonConnection& operator=(const DaemonConnection&) = delete;

  // Connects, until `deadline_ms`. 0; or a negative errno: -EMFILE, -ENFILE,
  // -ENOMEM and -ENOBUFS for want of something of the process's, -ENETDOWN for
  // everything else.
  int Open(int64_t deadline_ms);

  // Whether its descriptor still is this connection.
  bool IsIntact() const {
    return descriptor_ != nullptr && descriptor_->IsIntact();
  }

  // RawIo. Never blocks; only on an intact connection.
  Result Write(const ByteView* slices, size_t count) override;
  Result Read(uint8_t* buffer, size_t size) override;

  // Reads bytes and at most one descriptor, which may come with them; `fd` is
  // then its number, the lowest free one, else -1. -ENOBUFS: all bytes and one
  // came, but the process has no number for it. -EAGAIN: nothing there. 0: the
  // end. Other negative numbers: broken.
  int ReadWithDescriptor(uint8_t* buffer, size_t size, bool close_on_exec,
                         int* fd);

  // Writes few bytes with a descriptor, whose number stays the caller's. False
  // if they don't all go at once.
  bool WriteWithDescriptor(const uint8_t* bytes, size_t size, int fd);

  enum class Waited { kReady, kTimeout, kInterrupted };
  // Waits until there is something to read or, if `write`, room to write.
  // `signals` is the mask while it waits; null: the thread's own.
  Waited Await(bool write, int64_t deadline_ms, const sigset_t* signals);

 private:
  OwnDescriptor* descriptor_ = nullptr;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_DAEMON_CONNECTION_H_
