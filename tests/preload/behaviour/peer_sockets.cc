#include "tests/preload/behaviour/peer_sockets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/preload/behaviour/outcome.h"
#include "tests/preload/behaviour/peer_request.h"
#include "tests/preload/behaviour/socket_address.h"

namespace wspd::preload {
namespace {

OwnedFd ConnectToPeer() {
  const char* const path = getenv(kPeerVariable);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path == nullptr || strlen(path) >= sizeof(address.sun_path)) {
    ADD_FAILURE() << kPeerVariable
                  << " names no peer; tests/preload/run.sh sets it";
    return OwnedFd();
  }
  strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  OwnedFd connection(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const Outcome connected = Call(
      connect(connection.get(), reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)));
  EXPECT_EQ(connected, Gives(0)) << path;
  return connected == Gives(0) ? std::move(connection) : OwnedFd();
}

OwnedFd ReceiveSocket(const OwnedFd& connection) {
  PeerAnswer answer = {};
  iovec part = {&answer, sizeof(answer)};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const Outcome received =
      Call(recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC));
  EXPECT_EQ(received, Gives(sizeof(answer))) << "the peer's answer";
  EXPECT_EQ(answer.error, 0)
      << "the peer's socket(): " << strerror(answer.error);
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr) return OwnedFd();
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  return OwnedFd(fd);
}

OwnedFd BoundPeer(int family, int type) {
  OwnedFd bound = PeerSocket(family, type);
  const SocketAddress address = SocketAddress::Loopback(family);
  EXPECT_SUCCESS(bind(bound.get(), address.data(), address.size()));
  return bound;
}

}  // namespace

OwnedFd PeerSocket(int family, int type) {
  const OwnedFd connection = ConnectToPeer();
  if (!connection.is_open()) return OwnedFd();
  const PeerRequest request = {family, type, 0};
  EXPECT_EQ(Call(send(connection.get(), &request, sizeof(request), 0)),
            Gives(sizeof(request)));
  return ReceiveSocket(connection);
}

OwnedFd PeerListener(int family, int backlog) {
  OwnedFd listener = BoundPeer(family, SOCK_STREAM);
  EXPECT_SUCCESS(listen(listener.get(), backlog));
  return listener;
}

OwnedFd PeerDatagramSocket(int family) { return BoundPeer(family, SOCK_DGRAM); }

}  // namespace wspd::preload
