// What this program does when a case executes it anew: the descriptors it got
// are sockets to it as they were to the program before.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/socket_address.h"

namespace wspd::preload {
namespace {

int Descriptor(const Arguments& arguments) { return stoi(arguments.at(0)); }

// echo FD: sends back what it receives, until the end.
int Echo(const Arguments& arguments) {
  const int fd = Descriptor(arguments);
  char buffer[4096];
  for (;;) {
    const ssize_t count = recv(fd, buffer, sizeof(buffer), 0);
    if (count <= 0) return count == 0 ? 0 : 1;
    if (send(fd, buffer, count, MSG_NOSIGNAL) != count) return 1;
  }
}
const RoleRegistration kEcho("echo", Echo);

// filter: the same on standard input and output, by read and write.
int Filter(const Arguments&) {
  char buffer[4096];
  for (;;) {
    const ssize_t count = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (count <= 0) return count == 0 ? 0 : 1;
    if (write(STDOUT_FILENO, buffer, count) != count) return 1;
  }
}
const RoleRegistration kFilter("filter", Filter);

// names FD LOCAL REMOTE: whether these are the socket's ports.
int Names(const Arguments& arguments) {
  const int fd = Descriptor(arguments);
  const int local = SocketAddress::LocalOf(fd).port();
  const int remote = SocketAddress::RemoteOf(fd).port();
  if (local == stoi(arguments.at(1)) && remote == stoi(arguments.at(2))) {
    return 0;
  }
  fprintf(stderr, "after exec: ports %d and %d\n", local, remote);
  return 1;
}
const RoleRegistration kNames("names", Names);

// serve FD: accepts a connection from a listening socket and echoes.
int Serve(const Arguments& arguments) {
  const int accepted = accept(Descriptor(arguments), nullptr, nullptr);
  if (accepted < 0) return 1;
  return Echo({std::to_string(accepted)});
}
const RoleRegistration kServe("serve", Serve);

// closed FD: whether there is no such descriptor.
int Closed(const Arguments& arguments) {
  return fcntl(Descriptor(arguments), F_GETFD) == -1 && errno == EBADF ? 0 : 1;
}
const RoleRegistration kClosed("closed", Closed);

// hold FD: keeps what it has open until the end of FD.
int Hold(const Arguments& arguments) {
  char byte;
  return read(Descriptor(arguments), &byte, 1) < 0 ? 1 : 0;
}
const RoleRegistration kHold("hold", Hold);

// finish FD HOW: sends "last" and ends without closing.
int Finish(const Arguments& arguments) {
  if (write(Descriptor(arguments), "last", 4) != 4) return 1;
  if (arguments.at(1) == "_exit") _exit(0);
  if (arguments.at(1) == "exit") exit(0);
  return 0;  // from main
}
const RoleRegistration kFinish("finish", Finish);

}  // namespace
}  // namespace wspd::preload
