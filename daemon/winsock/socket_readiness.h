#ifndef WSPD_DAEMON_WINSOCK_SOCKET_READINESS_H_
#define WSPD_DAEMON_WINSOCK_SOCKET_READINESS_H_

namespace wspd {

// What WSPSelect and WSAPoll find of a socket (reference, section 4.6).
struct SocketReadiness {
  // Whether the socket is still there; if not, nothing below is set.
  bool open = false;
  bool readable = false;
  // It is readable, and not for its end alone: there is data, or a connection.
  bool has_data = false;
  bool writable = false;
  // Urgent data that isn't received in line.
  bool urgent = false;
  // The last connect has failed.
  bool connect_failed = false;
  // The connection, which there was, has ended on the peer's side; or was lost.
  bool hung_up = false;
  // The connection was lost.
  bool lost = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_SOCKET_READINESS_H_
