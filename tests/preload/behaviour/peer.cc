// Makes sockets in the network that this process runs in, for programs that run
// in another: `peer PATH` listens at PATH, says "ready" and goes on until its
// standard input ends. A socket stays in the network where it was made, so
// that the body sees the wire from the other side even where it has no network.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/preload/behaviour/peer_request.h"
#include "tests/testing/owned_fd.h"

namespace wspd::preload {
namespace {

using testing::OwnedFd;

int Fail(const char* what) {
  fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
  return 1;
}

OwnedFd Listen(const char* path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (strlen(path) >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return OwnedFd();
  }
  strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  OwnedFd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!listener.is_open() ||
      bind(listener.get(), reinterpret_cast<const sockaddr*>(&address),
           sizeof(address)) != 0 ||
      listen(listener.get(), SOMAXCONN) != 0) {
    return OwnedFd();
  }
  return listener;
}

// Nothing of the socket stays here: its last close is the body's.
void Answer(const OwnedFd& connection, int error, const OwnedFd& made) {
  PeerAnswer answer = {error};
  iovec part = {&answer, sizeof(answer)};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (made.is_open()) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = made.get();
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  }
  if (sendmsg(connection.get(), &message, MSG_NOSIGNAL) < 0) Fail("sendmsg");
}

void Serve(const OwnedFd& listener) {
  const OwnedFd connection(
      accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection.is_open()) {
    Fail("accept");
    return;
  }
  PeerRequest request;
  // A body that died meanwhile is no matter of ours.
  if (recv(connection.get(), &request, sizeof(request), 0) != sizeof(request)) {
    return;
  }
  OwnedFd made(
      socket(request.family, request.type | SOCK_CLOEXEC, request.protocol));
  const int error = made.is_open() ? 0 : errno;
  Answer(connection, error, made);
}

int Run(const char* path) {
  const OwnedFd listener = Listen(path);
  if (!listener.is_open()) return Fail(path);
  puts("ready");
  fflush(stdout);
  pollfd watched[] = {{STDIN_FILENO, 0, 0}, {listener.get(), POLLIN, 0}};
  while (watched[0].revents == 0) {
    if (poll(watched, 2, -1) < 0 && errno != EINTR) return Fail("poll");
    if (watched[1].revents != 0) Serve(listener);
  }
  return 0;
}

}  // namespace
}  // namespace wspd::preload

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: peer PATH\n");
    return 64;
  }
  return wspd::preload::Run(argv[1]);
}
