#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <vector>

#include "tests/bench/die.h"
#include "tests/bench/kernel_sockets.h"
#include "tests/bench/many_sockets.h"

namespace wspd::bench {
namespace {

class ManyKernelSockets : public ManySockets {
 public:
  ManyKernelSockets(uint16_t port, int count)
      : epoll_(CheckErrno(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        first_(ConnectTo(port)) {
    for (int i = 0; i < count; ++i) {
      const int fd = ConnectTo(port);
      polls_.push_back({fd, POLLIN, 0});
      epoll_event event = {};
      event.events = EPOLLIN | EPOLLET;
      CheckErrno(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }
    events_.resize(polls_.size());
  }
  ~ManyKernelSockets() override {
    for (const pollfd& entry : polls_) close(entry.fd);
    close(first_);
    close(epoll_);
  }

  void Burst() override {
    SendAll(first_, "", 1);
    // One after the other, without a look at the others.
    for (pollfd entry : polls_) CheckErrno(poll(&entry, 1, -1), "poll");
  }
  int CountReadable() override {
    return CheckErrno(poll(polls_.data(), polls_.size(), 0), "poll");
  }
  int TakeEvents() override {
    return CheckErrno(
        epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), 0),
        "epoll_wait");
  }
  void Read() override {
    char byte;
    for (const pollfd& entry : polls_) {
      if (!ReceiveAll(entry.fd, &byte, 1)) Die("recv: end of stream");
    }
  }

 private:
  const int epoll_;
  const int first_;
  std::vector<pollfd> polls_;
  std::vector<epoll_event> events_;
};

}  // namespace

std::unique_ptr<ManySockets> MakeKernelSockets(uint16_t port, int count) {
  return std::make_unique<ManyKernelSockets>(port, count);
}

}  // namespace wspd::bench
