#ifndef WSPD_DAEMON_TESTING_TCP_PAIR_H_
#define WSPD_DAEMON_TESTING_TCP_PAIR_H_

#include <cstddef>
#include <string>

#include "daemon/base/owned_fd.h"

namespace wspd {

// Two ends of a TCP connection over loopback: `ours` non-blocking, as the
// daemon has its sockets, `peer` blocking.
struct TcpPair {
  OwnedFd ours;
  OwnedFd peer;
};
TcpPair MakeTcpPair();

// A listening, non-blocking socket on 127.0.0.1 and its port.
struct TcpListener {
  OwnedFd fd;
  int port;
};
TcpListener ListenOnLoopback();

// A listener on 127.0.0.1 whose queue `first` fills: attempts to connect to it
// are answered by nobody.
struct FullListener {
  TcpListener listener;
  OwnedFd first;
  int port() const { return listener.port; }
};
FullListener ListenWithFullQueue();

// A blocking connection to 127.0.0.1:port.
OwnedFd ConnectToLoopback(int port);

// Reads exactly `size` bytes, or what came before the end of the stream;
// `*error` is errno if reading failed.
std::string ReadBytes(int fd, size_t size, int* error = nullptr);

}  // namespace wspd

#endif  // WSPD_DAEMON_TESTING_TCP_PAIR_H_
