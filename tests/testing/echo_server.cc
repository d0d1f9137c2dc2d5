#include "tests/testing/echo_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <string>
#include <vector>

namespace wspd::testing {
namespace {

struct Connection {
  OwnedFd fd;
  std::string unsent;
};

// False once the connection is over.
bool Step(Connection* connection) {
  if (connection->unsent.empty()) {
    connection->unsent.resize(1 << 16);
    const ssize_t count = recv(connection->fd.get(), &connection->unsent[0],
                               connection->unsent.size(), MSG_DONTWAIT);
    connection->unsent.resize(count > 0 ? count : 0);
    if (count <= 0) return count < 0 && errno == EAGAIN;
  }
  const ssize_t count =
      send(connection->fd.get(), connection->unsent.data(),
           connection->unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0) return errno == EAGAIN;
  connection->unsent.erase(0, count);
  return true;
}

}  // namespace

EchoServer::EchoServer(Family family) : stop_(eventfd(0, EFD_CLOEXEC)) {
  PeerListener listener(family);
  endpoint_ = listener.endpoint();
  listener_ = listener.TakeDescriptor();
  thread_ = std::thread([this] { Serve(); });
}

EchoServer::~EchoServer() {
  const uint64_t one = 1;
  if (write(stop_.get(), &one, sizeof(one)) < 0) abort();
  thread_.join();
}

void EchoServer::Serve() {
  std::vector<Connection> connections;
  for (;;) {
    std::vector<pollfd> polls = {{stop_.get(), POLLIN, 0},
                                 {listener_.get(), POLLIN, 0}};
    for (const Connection& connection : connections) {
      const short events = connection.unsent.empty() ? POLLIN : POLLOUT;
      polls.push_back({connection.fd.get(), events, 0});
    }
    if (poll(polls.data(), polls.size(), -1) < 0 && errno != EINTR) abort();
    if (polls[0].revents != 0) return;
    for (size_t i = connections.size(); i-- > 0;) {
      if (polls[i + 2].revents != 0 && !Step(&connections[i])) {
        connections.erase(connections.begin() + i);
      }
    }
    if (polls[1].revents != 0) {
      OwnedFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (fd.is_open()) connections.push_back({std::move(fd), ""});
    }
  }
}

}  // namespace wspd::testing
