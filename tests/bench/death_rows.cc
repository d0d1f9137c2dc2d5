#include "tests/bench/death_rows.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "tests/bench/clock.h"
#include "tests/bench/daemon.h"
#include "tests/bench/die.h"
#include "tests/bench/helpers.h"
#include "tests/bench/kernel_sockets.h"
#include "tests/bench/process.h"
#include "tests/bench/rounds.h"

namespace wspd::bench {
namespace {

constexpr char kFirstRow[] = "sigkill_1000_first_reset";
constexpr char kAllRow[] = "sigkill_1000_all_reset";
constexpr int kLeastRounds = 10;

struct EndTimes {
  double first = 0;  // in milliseconds
  double all = 0;
};

// The peer's side of the connections that a process holds.
class HeldConnections {
 public:
  HeldConnections(int listener, int count);
  ~HeldConnections();

  // Since `begin`, on the clock of Now().
  EndTimes AwaitEnds(double begin);
  void CheckReset() const;

 private:
  const int epoll_;
  std::vector<int> connections_;
};

HeldConnections::HeldConnections(int listener, int count)
    : epoll_(CheckErrno(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
  for (int i = 0; i < count; ++i) {
    const int fd = Accept(listener);
    connections_.push_back(fd);
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
    CheckErrno(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }
}

HeldConnections::~HeldConnections() {
  for (int fd : connections_) close(fd);
  close(epoll_);
}

EndTimes HeldConnections::AwaitEnds(double begin) {
  EndTimes times;
  std::vector<epoll_event> events(connections_.size());
  for (size_t ended = 0; ended < connections_.size();) {
    const int count =
        CheckErrno(epoll_wait(epoll_, events.data(),
                              static_cast<int>(events.size()), 10000),
                   "epoll_wait");
    if (count == 0) Die("connections of a dead process live on");
    times.all = (Now() - begin) * 1e3;
    if (ended == 0) times.first = times.all;
    ended += static_cast<size_t>(count);
  }
  return times;
}

void HeldConnections::CheckReset() const {
  for (int fd : connections_) {
    char byte;
    if (recv(fd, &byte, 1, MSG_DONTWAIT) != -1 || errno != ECONNRESET) {
      Die("a connection of a dead process ended without a reset");
    }
  }
}

EndTimes MeasureDeath(const Options& options, const std::string& provider,
                      const Listener& listener) {
  ChildProcess holder(kClientCpu, HolderCommand(provider, listener.port,
                                                options.held_connections));
  HeldConnections held(listener.fd, options.held_connections);
  holder.ReadLine();
  const double begin = Now();
  holder.Signal(SIGKILL);
  const EndTimes times = held.AwaitEnds(begin);
  if (!provider.empty() && !options.wspd.empty()) held.CheckReset();
  return times;
}

RowSamples MeasureDeaths(const Options& options) {
  const Daemon daemon(options.wspd, options.config);
  PinTo(kServerCpu);
  const Listener listener = Listen();
  Options ten = options;
  if (ten.rounds > 1 && ten.rounds < kLeastRounds) ten.rounds = kLeastRounds;
  Samples all;
  const auto measure = [&](const std::string& provider,
                           std::vector<double>* all_times) {
    const EndTimes times = MeasureDeath(options, provider, listener);
    all_times->push_back(times.all);
    return times.first;
  };
  Samples first = MeasureInTurn(
      ten, [&] { return measure(kNoProvider, &all.native); },
      [&] { return measure(options.provider, &all.ours); });
  // The round that MeasureInTurn doesn't count.
  if (!all.native.empty()) all.native.erase(all.native.begin());
  all.ours.erase(all.ours.begin());
  return {{kFirstRow, std::move(first)}, {kAllRow, std::move(all)}};
}

}  // namespace

Group DeathGroup() {
  return {{{kFirstRow, "ms", Bound::kValueAtMost, 2, ""},
           {kAllRow, "ms", Bound::kValueAtMost, 25, ""}},
          MeasureDeaths};
}

}  // namespace wspd::bench
