#ifndef WSPD_DAEMON_WINSOCK_CALL_H_
#define WSPD_DAEMON_WINSOCK_CALL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "daemon/policy/client_access.h"
#include "daemon/socket/bytes.h"
#include "daemon/socket/lingerer.h"
#include "daemon/wire/wire_reader.h"

namespace wspd {

// Most payload of one send call or one receive result (proto/README.md,
// "Limits").
inline constexpr uint32_t kChunkBytes = 64 << 10;

class SocketDescriptor;

// A wsp.v1.Call as it came in. `body` reads the request where it lies in the
// frame; `frame` keeps the frame's memory alive for whoever copies it.
struct Call {
  uint64_t call_id = 0;
  uint64_t socket_id = 0;
  bool overlapped = false;
  bool report_pending = false;
  uint32_t timeout_ms = 0;
  // The number of the request's field in wsp.v1.Call; 0 if it had none. The
  // result's field in wsp.v1.Completion has the same number.
  uint32_t request = 0;
  WireReader body;
  std::shared_ptr<const void> frame;
  // The memory that `frame` keeps, in bytes.
  size_t frame_bytes = 0;
};

// What a call ended with: a wsp.v1.Completion without call id and sequence.
struct CallResult {
  CallResult() = default;
  // An error without a result message.
  CallResult(uint32_t wsa, int error) : wsa_error(wsa), linux_errno(error) {}

  uint32_t wsa_error = 0;
  // 0 exactly if wsa_error is.
  int linux_errno = 0;
  // The encoded result message, but for `payload`.
  std::string body;
  // The result's field 15, `data`.
  std::shared_ptr<Bytes> payload;
};

// Where the sockets of an attachment send the results of its calls.
// Thread-safe; called with no lock of a socket held.
class CallSink {
 public:
  virtual ~CallSink() = default;

  // Ends a call. Ignored if the attachment has dropped it meanwhile.
  virtual void Finish(uint64_t call_id, CallResult result) = 0;

  // The call has to wait (wsp.v1.Completion.pending).
  virtual void ReportPending(uint64_t call_id) = 0;

  // No more results come in this go.
  virtual void FlushResults() = 0;

  // Makes `descriptor` the attachment's under `socket_id`. Returns errno:
  // EINVAL if the id is 0 or in use, EMFILE at the limit, ESHUTDOWN if the
  // attachment is not registered any more.
  virtual int AddSocket(uint64_t socket_id,
                        std::shared_ptr<SocketDescriptor> descriptor) = 0;

  // Counts a connection that was accepted but isn't a socket yet as one of the
  // client's sockets. Returns errno as AddSocket() does.
  virtual int ReserveSocket() = 0;

  // Takes back `count` that ReserveSocket() counted.
  virtual void ReleaseSockets(uint32_t count) = 0;

  // Counts one more request of the client to be told when the network changes,
  // until what this returns is destroyed. Null at the limit.
  virtual std::shared_ptr<void> ReserveChangeRequest() = 0;

  // The attachment's socket of this id; null if there is none.
  virtual std::shared_ptr<SocketDescriptor> FindSocket(
      uint64_t socket_id) const = 0;

  // Forgets a socket that its client has closed.
  virtual void RemoveSocket(uint64_t socket_id) = 0;

  // Network events of the socket are to be told:
  // SocketDescriptor::TakeNotices() has them when a frame has room for them.
  virtual void QueueNetworkEvents(uint64_t socket_id) = 0;

  // Whether kept results leave room for another receive; takes no lock.
  virtual bool MayReceive() const = 0;

  // What the client may do with addresses.
  virtual const ClientAccess& access() const {
    return *ClientAccess::Unrestricted();
  }

  // Whose the socket is, for listings of what outlives it.
  virtual Lingerer::Owner OwnerOf(uint64_t socket_id) const = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_CALL_H_
