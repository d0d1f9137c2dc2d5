#include "tests/bench/peer.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "tests/bench/clock.h"

namespace wspd::bench {
namespace {

void ServeEcho(int fd) {
  char message[kEchoSize];
  while (ReceiveAll(fd, message, sizeof(message))) {
    SendAll(fd, message, sizeof(message));
  }
}

bool Discard(int fd, uint64_t size) {
  std::vector<char> buffer(kBulkSize);
  while (size > 0) {
    const size_t received =
        ReceiveSome(fd, buffer.data(), std::min<uint64_t>(size, buffer.size()));
    if (received == 0) return false;
    size -= received;
  }
  return true;
}

void ServeSink(int fd) {
  uint64_t size;
  while (ReceiveAll(fd, reinterpret_cast<char*>(&size), sizeof(size)) &&
         Discard(fd, size)) {
    SendAll(fd, "", 1);
  }
}

// Keeps to the period on average, however late a wake-up is.
void ServeSlowSink(int fd) {
  double next = Now();
  while (Discard(fd, kBulkSize)) {
    next = std::max(next + kSlowSinkPeriod, Now() - kSlowSinkPeriod);
    if (next > Now()) Sleep(next - Now());
  }
}

void ServeRequest(int fd) {
  char request[kRequestSize];
  if (!ReceiveAll(fd, request, sizeof(request))) return;
  SendAll(fd, request, sizeof(request));
  ReceiveSome(fd, request, sizeof(request));
}

[[noreturn]] void AcceptEach(int listener, void (*serve)(int fd)) {
  while (true) {
    const int fd = Accept(listener);
    std::thread([fd, serve] {
      serve(fd);
      close(fd);
    }).detach();
  }
}

[[noreturn]] void AcceptOneByOne(int listener) {
  while (true) {
    const int fd = Accept(listener);
    ServeRequest(fd);
    close(fd);
  }
}

[[noreturn]] void AcceptAndKeep(int listener) {
  while (true) Accept(listener);
}

void Serve(const Listener* listeners) {
  prctl(PR_SET_NAME, "bench_peer");
  std::thread(AcceptEach, listeners[kEcho].fd, ServeEcho).detach();
  std::thread(AcceptEach, listeners[kSink].fd, ServeSink).detach();
  std::thread(AcceptEach, listeners[kSlowSink].fd, ServeSlowSink).detach();
  std::thread(AcceptOneByOne, listeners[kRequests].fd).detach();
  AcceptAndKeep(listeners[kKeep].fd);
}

}  // namespace

Peer::Peer()
    : listeners_{Listen(), Listen(), Listen(kSlowSinkReceiveBuffer), Listen(),
                 Listen()},
      process_(kServerCpu, [this] { Serve(listeners_); }) {
  for (const Listener& listener : listeners_) close(listener.fd);
}

}  // namespace wspd::bench
