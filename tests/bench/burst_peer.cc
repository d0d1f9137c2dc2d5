#include "tests/bench/burst_peer.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <thread>
#include <vector>

namespace wspd::bench {
namespace {

void Serve(int listener, int count) {
  const int first = Accept(listener);
  std::vector<int> others;
  for (int i = 0; i < count; ++i) others.push_back(Accept(listener));
  char byte;
  while (ReceiveAll(first, &byte, 1)) {
    for (const int fd : others) SendAll(fd, &byte, 1);
  }
}

}  // namespace

BurstPeer::BurstPeer(int count)
    : listeners_{Listen(), Listen()}, process_(kServerCpu, [this, count] {
        prctl(PR_SET_NAME, "bench_peer");
        std::thread other(Serve, listeners_[1].fd, count);
        Serve(listeners_[0].fd, count);
        other.join();
      }) {
  for (const Listener& listener : listeners_) close(listener.fd);
}

}  // namespace wspd::bench
