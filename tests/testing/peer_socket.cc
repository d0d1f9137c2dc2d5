#include "tests/testing/peer_socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>

namespace wspd::testing {
namespace {

struct Address {
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

int DomainOf(Family family) {
  return family == Family::kIpv4 ? AF_INET : AF_INET6;
}

Address ToAddress(const Endpoint& endpoint) {
  Address address;
  if (endpoint.family == Family::kIpv4) {
    auto* const in = reinterpret_cast<sockaddr_in*>(&address.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(endpoint.port);
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.length = sizeof(*in);
  } else {
    auto* const in6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(endpoint.port);
    in6->sin6_addr = in6addr_loopback;
    address.length = sizeof(*in6);
  }
  return address;
}

uint16_t PortOf(int fd) {
  Address address;
  if (getsockname(fd, address.get(), &address.length) != 0) abort();
  // The port is at the same place in both.
  return ntohs(reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
}

// False at the deadline.
bool WaitFor(int fd, short events, Clock::time_point end) {
  const auto left =
      std::chrono::duration_cast<milliseconds>(end - Clock::now()).count();
  pollfd wait = {fd, events, 0};
  return poll(&wait, 1, std::max<int>(0, static_cast<int>(left) + 1)) == 1;
}

Ending EndingOf(int error) {
  if (error == 0) return Ending::kOrderly;
  return error == ECONNRESET || error == EPIPE ? Ending::kReset
                                               : Ending::kOtherError;
}

bool WriteAll(int fd, const std::string& data, int flags) {
  const Clock::time_point end = Clock::now() + kDeadline;
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t count =
        send(fd, data.data() + done, data.size() - done, flags | MSG_NOSIGNAL);
    if (count >= 0) {
      done += count;
    } else if (errno != EAGAIN || !WaitFor(fd, POLLOUT, end)) {
      return false;
    }
  }
  return true;
}

OwnedFd NewSocket(Family family) {
  OwnedFd fd(socket(DomainOf(family),
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!fd.is_open()) abort();
  return fd;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, Ending ending) {
  switch (ending) {
    case Ending::kStillOpen:
      return out << "still open";
    case Ending::kOrderly:
      return out << "orderly end";
    case Ending::kReset:
      return out << "reset";
    case Ending::kOtherError:
      return out << "other error";
  }
  return out;
}

PeerSocket PeerSocket::ConnectTo(const Endpoint& endpoint, int* error) {
  OwnedFd fd = NewSocket(endpoint.family);
  Address address = ToAddress(endpoint);
  int failure = 0;
  if (connect(fd.get(), address.get(), address.length) != 0) failure = errno;
  if (failure == EINPROGRESS) {
    failure = ETIMEDOUT;
    socklen_t length = sizeof(failure);
    if (WaitFor(fd.get(), POLLOUT, Clock::now() + kDeadline)) {
      getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &failure, &length);
    }
  }
  if (error != nullptr) *error = failure;
  return failure == 0 ? PeerSocket(std::move(fd)) : PeerSocket();
}

uint16_t PeerSocket::port() const { return PortOf(fd_.get()); }

bool PeerSocket::Write(const std::string& data) {
  return WriteAll(fd_.get(), data, 0);
}

bool PeerSocket::WriteUrgent(const std::string& data) {
  const size_t before = data.size() - 1;
  return Write(data.substr(0, before)) &&
         WriteAll(fd_.get(), data.substr(before), MSG_OOB);
}

std::string PeerSocket::ReadUrgent() {
  char byte;
  if (!WaitFor(fd_.get(), POLLPRI, Clock::now() + kDeadline) ||
      recv(fd_.get(), &byte, 1, MSG_OOB) != 1) {
    return "";
  }
  return std::string(1, byte);
}

std::string PeerSocket::Read(size_t size) {
  const Clock::time_point end = Clock::now() + kDeadline;
  std::string data(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t count = recv(fd_.get(), &data[done], size - done, 0);
    if (count > 0) {
      done += count;
    } else if (count == 0 || errno != EAGAIN ||
               !WaitFor(fd_.get(), POLLIN, end)) {
      break;
    }
  }
  data.resize(done);
  return data;
}

std::string PeerSocket::ReadWhatIsThere(size_t size) {
  std::string data(size, '\0');
  const ssize_t count = recv(fd_.get(), &data[0], size, 0);
  data.resize(std::max<ssize_t>(0, count));
  return data;
}

PeerSocket::Rest PeerSocket::ReadToEnd(Clock::duration deadline) {
  const Clock::time_point end = Clock::now() + deadline;
  Rest rest;
  std::string chunk(1 << 18, '\0');
  for (;;) {
    const ssize_t count = recv(fd_.get(), &chunk[0], chunk.size(), 0);
    if (count > 0) {
      rest.data.append(chunk, 0, count);
      continue;
    }
    if (count < 0 && errno == EAGAIN) {
      if (WaitFor(fd_.get(), POLLIN, end)) continue;
      return rest;
    }
    rest.ending = EndingOf(count == 0 ? 0 : errno);
    return rest;
  }
}

Ending PeerSocket::WaitForEnd(Clock::duration deadline) {
  return ReadToEnd(deadline).ending;
}

Ending PeerSocket::PeekEnd() {
  char byte;
  const ssize_t count = recv(fd_.get(), &byte, 1, MSG_PEEK);
  if (count > 0 || (count < 0 && errno == EAGAIN)) return Ending::kStillOpen;
  return EndingOf(count == 0 ? 0 : errno);
}

bool PeerSocket::HasFailed() {
  pollfd look = {fd_.get(), 0, 0};
  return poll(&look, 1, 0) == 1 && (look.revents & (POLLERR | POLLHUP)) != 0;
}

uint32_t PeerSocket::SegmentsReceived() {
  tcp_info info = {};
  socklen_t length = sizeof(info);
  getsockopt(fd_.get(), IPPROTO_TCP, TCP_INFO, &info, &length);
  return info.tcpi_segs_in;
}

void PeerSocket::FallSilent() {
  // Takes no byte of any segment.
  sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program = {1, &none};
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program,
                 sizeof(program)) != 0) {
    abort();
  }
}

void PeerSocket::ShutdownSend() { shutdown(fd_.get(), SHUT_WR); }

void PeerSocket::ShutdownReceive() { shutdown(fd_.get(), SHUT_RD); }

void PeerSocket::Reset() {
  const linger hard = {1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  Close();
}

PeerListener::PeerListener(Family family)
    : PeerListener([&] {
        Options options;
        options.family = family;
        return options;
      }()) {}

PeerListener::PeerListener(const Options& options)
    : fd_(NewSocket(options.family)) {
  if (options.receive_buffer != 0) {
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &options.receive_buffer,
               sizeof(options.receive_buffer));
  }
  endpoint_.family = options.family;
  Address address = ToAddress(endpoint_);
  if (bind(fd_.get(), address.get(), address.length) != 0) abort();
  if (listen(fd_.get(), options.backlog) != 0) abort();
  endpoint_.port = PortOf(fd_.get());
}

PeerSocket PeerListener::Accept(Clock::duration deadline) {
  const Clock::time_point end = Clock::now() + deadline;
  for (;;) {
    OwnedFd fd(
        accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.is_open()) return PeerSocket(std::move(fd));
    if (errno != EAGAIN || !WaitFor(fd_.get(), POLLIN, end)) return {};
  }
}

void PeerListener::FillBacklog() {
  // A handshake that the full queue holds up isn't done within this time.
  constexpr milliseconds kHandshake(200);
  for (;;) {
    OwnedFd fd = NewSocket(endpoint_.family);
    Address address = ToAddress(endpoint_);
    (void)connect(fd.get(), address.get(), address.length);
    const bool done = WaitFor(fd.get(), POLLOUT, Clock::now() + kHandshake);
    fillers_.emplace_back(std::move(fd));
    if (!done) return;
  }
}

Endpoint ClosedEndpoint(Family family) {
  return PeerListener(family).endpoint();
}

}  // namespace wspd::testing
