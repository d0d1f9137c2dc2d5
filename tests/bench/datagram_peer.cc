#include "tests/bench/datagram_peer.h"

#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <thread>

#include "tests/bench/clock.h"
#include "tests/bench/kernel_sockets.h"

namespace wspd::bench {
namespace {

[[noreturn]] void Sink(int fd) {
  char data[kDatagramSize];
  uint16_t from;
  while (true) ReceiveDatagram(fd, data, sizeof(data), &from);
}

[[noreturn]] void Flood(int fd) {
  const char data[kDatagramSize] = {};
  while (true) {
    double seconds;
    char request[sizeof(seconds)];
    uint16_t from;
    if (ReceiveDatagram(fd, request, sizeof(request), &from) !=
        sizeof(request)) {
      continue;
    }
    memcpy(&seconds, request, sizeof(seconds));
    const double end = Now() + seconds;
    while (Now() < end) SendDatagram(fd, data, sizeof(data), from);
  }
}

}  // namespace

DatagramPeer::Socket::Socket() : fd(OpenDatagramSocket(&port)) {}

DatagramPeer::DatagramPeer()
    : process_(kServerCpu, [this] {
        prctl(PR_SET_NAME, "bench_peer");
        std::thread(Sink, sink_.fd).detach();
        Flood(flood_.fd);
      }) {
  close(sink_.fd);
  close(flood_.fd);
}

}  // namespace wspd::bench
