#include "tests/preload/behaviour/waiter.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <algorithm>

#include "tests/testing/owned_fd.h"

namespace wspd::preload {
namespace {

using testing::milliseconds;
using testing::OwnedFd;

timespec Timespec(milliseconds timeout) {
  return {timeout.count() / 1000, timeout.count() % 1000 * 1'000'000};
}

short PollEvents(const Ready& interest) {
  return static_cast<short>((interest.read ? POLLIN : 0) |
                            (interest.write ? POLLOUT : 0) |
                            (interest.priority ? POLLPRI : 0));
}

// The kernel's own rules of select() over what poll() says.
Ready FromPoll(const Ready& interest, int events) {
  return {interest.read && (events & (POLLIN | POLLHUP | POLLERR)) != 0,
          interest.write && (events & (POLLOUT | POLLERR)) != 0,
          interest.priority && (events & POLLPRI) != 0};
}

template <typename Call>
int WithPoll(std::vector<Watched>& watched, const Call& call) {
  std::vector<pollfd> polled;
  for (const Watched& one : watched) {
    polled.push_back({one.fd, PollEvents(one.interest), 0});
  }
  const int count = call(polled.data(), polled.size());
  for (size_t i = 0; i < polled.size(); ++i) {
    watched[i].ready = FromPoll(watched[i].interest, polled[i].revents);
  }
  return count;
}

int ByPoll(std::vector<Watched>& watched, milliseconds timeout) {
  return WithPoll(watched, [&](pollfd* polled, nfds_t count) {
    return poll(polled, count, static_cast<int>(timeout.count()));
  });
}

int ByPpoll(std::vector<Watched>& watched, milliseconds timeout) {
  return WithPoll(watched, [&](pollfd* polled, nfds_t count) {
    const timespec limit = Timespec(timeout);
    return ppoll(polled, count, &limit, nullptr);
  });
}

template <typename Call>
int WithSelect(std::vector<Watched>& watched, const Call& call) {
  fd_set sets[3];
  for (fd_set& set : sets) FD_ZERO(&set);
  int highest = -1;
  for (const Watched& one : watched) {
    if (one.interest.read) FD_SET(one.fd, &sets[0]);
    if (one.interest.write) FD_SET(one.fd, &sets[1]);
    if (one.interest.priority) FD_SET(one.fd, &sets[2]);
    highest = std::max(highest, one.fd);
  }
  const int result = call(highest + 1, &sets[0], &sets[1], &sets[2]);
  if (result < 0) return result;
  // select() counts bits.
  int count = 0;
  for (Watched& one : watched) {
    one.ready = {FD_ISSET(one.fd, &sets[0]) != 0,
                 FD_ISSET(one.fd, &sets[1]) != 0,
                 FD_ISSET(one.fd, &sets[2]) != 0};
    if (one.ready.any()) ++count;
  }
  return count;
}

int BySelect(std::vector<Watched>& watched, milliseconds timeout) {
  return WithSelect(
      watched, [&](int end, fd_set* read, fd_set* write, fd_set* priority) {
        timeval limit = {timeout.count() / 1000, timeout.count() % 1000 * 1000};
        return select(end, read, write, priority, &limit);
      });
}

int ByPselect(std::vector<Watched>& watched, milliseconds timeout) {
  return WithSelect(
      watched, [&](int end, fd_set* read, fd_set* write, fd_set* priority) {
        const timespec limit = Timespec(timeout);
        return pselect(end, read, write, priority, &limit, nullptr);
      });
}

bool AddTo(const OwnedFd& set, int fd, uint32_t events, uint64_t data) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = data;
  return epoll_ctl(set.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

// EPOLLIN and its kin have the values of POLLIN and its kin.
template <typename Call>
int WithEpoll(std::vector<Watched>& watched, const Call& call) {
  const OwnedFd set(epoll_create1(EPOLL_CLOEXEC));
  for (size_t i = 0; i < watched.size(); ++i) {
    watched[i].ready = {};
    const int events = PollEvents(watched[i].interest);
    if (!AddTo(set, watched[i].fd, events, i)) return -1;
  }
  std::vector<epoll_event> events(watched.size());
  const int count =
      call(set.get(), events.data(), static_cast<int>(events.size()));
  for (int i = 0; i < count; ++i) {
    Watched& one = watched[events[i].data.u64];
    one.ready = FromPoll(one.interest, static_cast<int>(events[i].events));
  }
  return count;
}

int ByEpollWait(std::vector<Watched>& watched, milliseconds timeout) {
  return WithEpoll(watched, [&](int set, epoll_event* events, int room) {
    return epoll_wait(set, events, room, static_cast<int>(timeout.count()));
  });
}

int ByEpollPwait(std::vector<Watched>& watched, milliseconds timeout) {
  return WithEpoll(watched, [&](int set, epoll_event* events, int room) {
    return epoll_pwait(set, events, room, static_cast<int>(timeout.count()),
                       nullptr);
  });
}

int ByEpollPwait2(std::vector<Watched>& watched, milliseconds timeout) {
  return WithEpoll(watched, [&](int set, epoll_event* events, int room) {
    const timespec limit = Timespec(timeout);
    return epoll_pwait2(set, events, room, &limit, nullptr);
  });
}

// The set is watched by another, and that by poll().
int ByNestedEpoll(std::vector<Watched>& watched, milliseconds timeout) {
  return WithEpoll(watched, [&](int set, epoll_event* events, int room) {
    const OwnedFd outer(epoll_create1(EPOLL_CLOEXEC));
    if (!AddTo(outer, set, EPOLLIN, 0)) return -1;
    pollfd polled = {outer.get(), POLLIN, 0};
    const int count = poll(&polled, 1, static_cast<int>(timeout.count()));
    return count <= 0 ? count : epoll_wait(set, events, room, 0);
  });
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Ready& ready) {
  return out << "{" << (ready.read ? " read" : "")
             << (ready.write ? " write" : "")
             << (ready.priority ? " priority" : "") << " }";
}

const std::vector<Waiter>& AllWaiters() {
  static const auto* const waiters = new std::vector<Waiter>{
      {"Poll", ByPoll},
      {"Ppoll", ByPpoll},
      {"Select", BySelect},
      {"Pselect", ByPselect},
      {"EpollWait", ByEpollWait},
      {"EpollPwait", ByEpollPwait},
      {"EpollPwait2", ByEpollPwait2},
      {"NestedEpoll", ByNestedEpoll},
  };
  return *waiters;
}

}  // namespace wspd::preload
