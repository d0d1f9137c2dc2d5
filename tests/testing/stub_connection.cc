#include "tests/testing/stub_connection.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/testing/process_files.h"

namespace wspd::testing {
namespace {

bool IsConnectedUnixStream(int fd) {
  int type = 0;
  socklen_t length = sizeof(type);
  sockaddr_un peer = {};
  socklen_t peer_length = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
         type == SOCK_STREAM &&
         getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_length) ==
             0 &&
         peer.sun_family == AF_UNIX;
}

}  // namespace

StubConnection::Finder::Finder() : before_(OpenDescriptors()) {}

StubConnection StubConnection::Finder::Find() const {
  for (const auto& [fd, what] : OpenDescriptors()) {
    const auto known = before_.find(fd);
    if (known != before_.end() && known->second == what) continue;
    if (IsConnectedUnixStream(fd)) return StubConnection(fd);
  }
  return {};
}

void StubConnection::Break() { shutdown(fd_, SHUT_RDWR); }

}  // namespace wspd::testing
