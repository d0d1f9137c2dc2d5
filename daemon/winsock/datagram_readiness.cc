// DatagramSocket: what WSPSelect and network events see of it (reference,
// sections 4.5 and 4.6).
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sock_diag.h>

#include "daemon/winsock/datagram_socket.h"

namespace wspd {
namespace {

// What the datagrams take that wait to be received.
uint64_t QueuedMemory(int fd) {
  uint32_t memory[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof(memory);
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) != 0) return 0;
  return memory[SK_MEMINFO_RMEM_ALLOC];
}

}  // namespace

SocketState DatagramSocket::LookLocked() {
  SocketState state = engine()->Look();
  if (state.failed) {
    engine()->TakeIcmpErrors();
    state = engine()->Look();
  }
  // Else a receive could wait in spite of what was said.
  if (state.readable && !engine()->DropUnwanted()) state.readable = false;
  return state;
}

NetworkConditions DatagramSocket::ConditionsLocked() {
  NetworkConditions now;
  const SocketState state = LookLocked();
  if (!state.open) return now;
  // "Port unreachable" is something that a receive ends with, too.
  if ((state.readable || state.unreachable) && !receive_shut_) {
    now.holding |= kFdRead;
  }
  if (state.writable && !send_shut_) now.holding |= kFdWrite;
  now.queued = engine()->WithFd(&QueuedMemory);
  return now;
}

SocketReadiness DatagramSocket::ReadinessLocked() {
  SocketReadiness ready;
  const SocketState state = LookLocked();
  if (!state.open) return ready;
  ready.open = true;
  ready.has_data = (state.readable || state.unreachable) && !receive_shut_;
  ready.readable = ready.has_data || receive_shut_;
  ready.writable = state.writable || send_shut_;
  return ready;
}

}  // namespace wspd
