// StreamSocket: what WSPSelect and network events see of it (reference,
// sections 4.5 and 4.6).
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "daemon/winsock/stream_socket.h"

namespace wspd {
namespace {

bool ReceivesUrgentInLine(int fd) {
  int on = 0;
  socklen_t size = sizeof(on);
  getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, &size);
  return on != 0;
}

// Connections that wait to be accepted.
uint64_t Backlog(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  // Of a listener it is their number.
  return info.tcpi_unacked;
}

// FD_CLOSE says less than a receive does (section 4.5, as measured).
uint32_t CloseError(uint32_t lost) {
  return lost == 0 || lost == kWsaNetDown ? lost : kWsaConnAborted;
}

}  // namespace

bool StreamSocket::HasEndedLocked(const SocketState& state, bool* unread) {
  *unread = lost_ == 0 && state.readable;
  if (lost_ != 0) return true;
  if (!state.read_ended && !state.hung_up && !state.failed) return false;
  // The kernel calls the end readable too, and tells an error once; then it is
  // for us to remember. What is still to be read comes before it.
  const int error = engine()->PeekForEnd(unread);
  if (error != 0) LoseLocked(WsaFromErrno(error), error, ReasonOfLoss(error));
  return true;
}

bool StreamSocket::IsLostLocked(const SocketState& state) const {
  // Without the socket's own shutdown only an error ends both directions.
  return lost_ != 0 || state.failed || (state.hung_up && !send_shut_);
}

NetworkConditions StreamSocket::ConditionsLocked() {
  NetworkConditions now;
  if (connect_ended_) {
    now.holding |= kFdConnect;
    now.connect_error = connect_error_;
  }
  if (state_ != State::kListening && state_ != State::kConnected) return now;
  const SocketState state = engine()->Look();
  if (!state.open) return now;
  if (state_ == State::kListening) {
    if (state.readable) now.holding |= kFdAccept;
    now.queued = state.accepted + engine()->WithFd(&Backlog);
    return now;
  }
  bool unread = false;
  const bool ended = HasEndedLocked(state, &unread);
  now.urgent = state.urgent_bytes;
  if (state.urgent && !engine()->WithFd(&ReceivesUrgentInLine)) {
    now.holding |= kFdOob;
    now.urgent = engine()->CountUrgent();
  }
  // Behind it: what has come before another urgent byte is none of these.
  (void)engine()->CountUnread(&now.queued);
  if (unread && !receive_shut_) now.holding |= kFdRead;
  if (ended) {
    now.holding |= kFdClose;
    now.close_error = IsLostLocked(state)
                          ? CloseError(lost_ == 0 ? kWsaConnAborted : lost_)
                          : 0;
  }
  if (state.writable && !send_shut_ && !IsLostLocked(state)) {
    now.holding |= kFdWrite;
  }
  return now;
}

SocketReadiness StreamSocket::ReadinessLocked() {
  SocketReadiness ready;
  const SocketState state = engine()->Look();
  if (!state.open) return ready;
  ready.open = true;
  bool unread = false;
  switch (state_) {
    case State::kOpen:
      // Linux calls an unconnected socket writable and hung up.
      ready.connect_failed = connect_error_ != 0;
      break;
    case State::kListening:
      ready.readable = ready.has_data = state.readable;
      break;
    case State::kConnecting:
      // What waits for the connect finds out first.
      break;
    case State::kConnected:
      ready.hung_up = HasEndedLocked(state, &unread);
      ready.lost = ready.hung_up && IsLostLocked(state);
      ready.readable = state.readable || ready.hung_up || receive_shut_;
      ready.has_data = unread && !receive_shut_;
      ready.writable = state.writable || ready.lost || send_shut_;
      ready.urgent = state.urgent && !engine()->WithFd(&ReceivesUrgentInLine);
      break;
  }
  return ready;
}

}  // namespace wspd
