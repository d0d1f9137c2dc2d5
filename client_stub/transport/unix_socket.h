#ifndef WSPD_CLIENT_STUB_TRANSPORT_UNIX_SOCKET_H_
#define WSPD_CLIENT_STUB_TRANSPORT_UNIX_SOCKET_H_

#include "client_stub/transport/raw_io.h"

namespace wsp {

// Where the daemon listens: $WSPD_SOCKET, or the default.
const char* ProviderSocketPath();

// Whether sockets are to be lent to this program if the daemon lends any:
// $WSPD_PLANE is "lent" or "auto".
bool AsksForLentSockets();

// Connects to the Unix socket at `path` without blocking. Returns the system's
// number for the connection, which is non-blocking and nobody else's, or one of
// these.
int ConnectUnixSocket(const char* path);
constexpr int kNobodyListens = -1;
// The listener's queue is full: try again in a moment. The kernel tells nobody
// when it isn't any more, except who blocks in connect().
constexpr int kQueueFull = -2;

// Closes what ConnectUnixSocket returned.
void CloseUnixSocket(int fd);

// RawIo over a stream socket that stays its owner's.
class SocketIo final : public RawIo {
 public:
  explicit SocketIo(int fd) : fd_(fd) {}

  Result Write(const ByteView* slices, size_t count) override;
  Result Read(uint8_t* buffer, size_t size) override;

 private:
  const int fd_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_UNIX_SOCKET_H_
