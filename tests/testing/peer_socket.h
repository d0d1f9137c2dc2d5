#ifndef WSPD_TESTS_TESTING_PEER_SOCKET_H_
#define WSPD_TESTS_TESTING_PEER_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "tests/testing/endpoint.h"
#include "tests/testing/owned_fd.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {

// How a connection ended, as its peer saw it.
enum class Ending { kStillOpen, kOrderly, kReset, kOtherError };
std::ostream& operator<<(std::ostream& out, Ending ending);

// The other end of a provider's connection: a plain socket of the kernel. Every
// operation gives up at kDeadline. One thread at a time.
class PeerSocket {
 public:
  PeerSocket() = default;
  explicit PeerSocket(OwnedFd fd) : fd_(std::move(fd)) {}

  // Not open if the connection was refused; see `error`.
  static PeerSocket ConnectTo(const Endpoint& endpoint, int* error = nullptr);

  bool is_open() const { return fd_.is_open(); }
  // Its own.
  uint16_t port() const;

  // Writes all; false if the connection ended or nobody reads.
  bool Write(const std::string& data);

  // Writes all, of which the last byte is urgent ("out of band").
  bool WriteUrgent(const std::string& data);
  // The urgent byte that has come or comes by kDeadline; empty if none.
  std::string ReadUrgent();

  // Reads exactly `size` bytes, or fewer if the connection ends.
  std::string Read(size_t size);

  // Reads what is there, at most `size` bytes; empty if nothing.
  std::string ReadWhatIsThere(size_t size);

  struct Rest {
    std::string data;
    Ending ending = Ending::kStillOpen;
  };
  Rest ReadToEnd(Clock::duration deadline = kDeadline);

  // Reads and forgets until the connection ends.
  Ending WaitForEnd(Clock::duration deadline = kDeadline);

  // Whether the connection is still open both ways, without waiting; unread
  // data is no end.
  Ending PeekEnd();

  // Whether the connection has failed, by a reset for one, even if data from
  // before is still to be read.
  bool HasFailed();

  // How many segments have come, also those without data, as keep-alive probes
  // are. 0 if the kernel doesn't tell.
  uint32_t SegmentsReceived();

  // From now on the kernel drops what comes and answers nothing, as if the host
  // were gone. Some kernels want CAP_NET_ADMIN for it, which one has in a fresh
  // network (network_namespace.h). Aborts on failure.
  void FallSilent();

  void ShutdownSend();
  // Data that comes nevertheless is thrown away by the kernel.
  void ShutdownReceive();
  // Closes with a reset.
  void Reset();
  void Close() { fd_.Reset(-1); }

 private:
  OwnedFd fd_;
};

// A listening socket of the kernel on a free port.
class PeerListener {
 public:
  struct Options {
    Family family = Family::kIpv4;
    int backlog = 512;
    // The receive buffer of accepted sockets; 0: the system's default.
    int receive_buffer = 0;
  };

  PeerListener() : PeerListener(Options()) {}
  explicit PeerListener(Family family);
  explicit PeerListener(const Options& options);

  const Endpoint& endpoint() const { return endpoint_; }

  // The next connection, or one that isn't open at the deadline.
  PeerSocket Accept(Clock::duration deadline = kDeadline);

  // Fills the queue of connections, so that further ones wait for their
  // handshake; make the listener with a backlog of 0.
  void FillBacklog();

  // Hands on the listening descriptor itself, which doesn't block.
  OwnedFd TakeDescriptor() { return std::move(fd_); }

 private:
  OwnedFd fd_;
  Endpoint endpoint_;
  std::vector<PeerSocket> fillers_;
};

// A port of the loopback interface where nobody listens.
Endpoint ClosedEndpoint(Family family = Family::kIpv4);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_PEER_SOCKET_H_
