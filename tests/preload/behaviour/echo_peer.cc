#include "tests/preload/behaviour/echo_peer.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

namespace wspd::preload {
namespace {

void Watch(const OwnedFd& set, int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  EXPECT_SUCCESS(epoll_ctl(set.get(), EPOLL_CTL_ADD, fd, &event));
}

}  // namespace

EchoPeer::EchoPeer(int family)
    : family_(family),
      listener_(PeerListener(family, 1024)),
      address_(SocketAddress::LocalOf(listener_.get())),
      stop_(eventfd(0, EFD_CLOEXEC)),
      set_(epoll_create1(EPOLL_CLOEXEC)) {
  Watch(set_, listener_.get());
  Watch(set_, stop_.get());
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  threads_.Start("echo", [this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

EchoPeer::~EchoPeer() {
  const uint64_t one = 1;
  EXPECT_EQ(Call(write(stop_.get(), &one, sizeof(one))), Gives(sizeof(one)));
  threads_.JoinAll();
}

OwnedFd EchoPeer::Connect() const {
  OwnedFd ours = OurSocket(family_, SOCK_STREAM);
  EXPECT_SUCCESS(connect(ours.get(), address_.data(), address_.size()));
  return ours;
}

void EchoPeer::Run() {
  for (;;) {
    epoll_event event = {};
    if (epoll_wait(set_.get(), &event, 1, -1) != 1) continue;
    if (event.data.fd == stop_.get()) return;
    if (event.data.fd == listener_.get()) {
      AcceptOne();
    } else {
      EchoOn(event.data.fd);
    }
  }
}

void EchoPeer::AcceptOne() {
  const int accepted = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
  if (accepted >= 0) Watch(set_, accepted);
}

void EchoPeer::EchoOn(int fd) {
  char buffer[4096];
  const ssize_t count = recv(fd, buffer, sizeof(buffer), 0);
  if (count <= 0) {
    // A fork's child may have it too, which would keep it in the set.
    epoll_ctl(set_.get(), EPOLL_CTL_DEL, fd, nullptr);
    close(fd);
  } else {
    send(fd, buffer, count, MSG_NOSIGNAL);
  }
}

bool EchoByte(int fd) {
  char byte = 'x';
  if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1) return false;
  return recv(fd, &byte, 1, 0) == 1 && byte == 'x';
}

}  // namespace wspd::preload
