// An honest client that says how fast it is served, and its peer.
//
// Usage: fair_client peer
//        fair_client PROVIDER ECHO_PORT SINK_PORT
//        fair_client - ECHO_PORT SINK_PORT
//
// The first prints both ports and serves them until its input ends. The client
// has the sockets of the provider, with WSPD_SOCKET, or the kernel's, which
// under wsprun are the daemon's. A line "echo SECONDS" of its input is answered
// with round trips a second, "bulk SECONDS" with MiB/s.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>

#include "tests/bench/clock.h"
#include "tests/bench/kernel_transport.h"
#include "tests/bench/peer.h"
#include "tests/bench/process.h"
#include "tests/bench/send_pump.h"
#include "tests/bench/spi_transport.h"
#include "tests/bench/transport.h"

namespace wspd::bench {
namespace {

constexpr int kOutstandingSends = 8;
// Of one transfer, of which each measurement has as many as it has time for:
// the first ones are no longer than needed.
constexpr uint64_t kTransfer = uint64_t{4} << 20;

double EchoRate(Stream* stream, double seconds) {
  char message[kEchoSize] = {};
  const double begin = Now();
  double now = begin;
  uint64_t trips = 0;
  for (; now - begin < seconds; now = Now()) {
    stream->Send(message, sizeof(message));
    stream->Receive(message, sizeof(message));
    ++trips;
  }
  return static_cast<double>(trips) / (now - begin);
}

// `send` sends kTransfer bytes.
double BulkRate(Stream* stream, const std::function<void()>& send,
                double seconds) {
  const double begin = Now();
  double now = begin;
  uint64_t bytes = 0;
  for (; now - begin < seconds; now = Now()) {
    char done;
    stream->Send(reinterpret_cast<const char*>(&kTransfer), sizeof(kTransfer));
    send();
    stream->Receive(&done, 1);
    bytes += kTransfer;
  }
  return static_cast<double>(bytes) / (now - begin) / (1 << 20);
}

int Measure(Stream* echo, Stream* sink, const std::function<void()>& send) {
  char line[100];
  while (fgets(line, sizeof(line), stdin) != nullptr) {
    double seconds = 0;
    if (sscanf(line, "echo %lf", &seconds) == 1) {
      printf("%.1f\n", EchoRate(echo, seconds));
    } else if (sscanf(line, "bulk %lf", &seconds) == 1) {
      printf("%.1f\n", BulkRate(sink, send, seconds));
    } else {
      fprintf(stderr, "fair_client: what is %s", line);
      return EXIT_FAILURE;
    }
    fflush(stdout);
  }
  return EXIT_SUCCESS;
}

int Serve() {
  const Peer peer;
  printf("%d %d\n", peer.port(kEcho), peer.port(kSink));
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return EXIT_SUCCESS;
}

int MeasureProvider(const char* provider, uint16_t echo_port,
                    uint16_t sink_port) {
  SpiTransport spi(provider);
  const auto echo = spi.ConnectSpi(echo_port);
  const auto sink = spi.ConnectSpi(sink_port);
  return Measure(echo.get(), sink.get(), [&sink] {
    SendOverlapped(sink.get(), kOutstandingSends, kBulkSize, kTransfer);
  });
}

int MeasureSockets(uint16_t echo_port, uint16_t sink_port) {
  KernelTransport kernel;
  const auto echo = kernel.Connect(echo_port);
  const auto sink = kernel.Connect(sink_port);
  return Measure(echo.get(), sink.get(), [&sink] {
    static const char block[kBulkSize] = {};
    for (uint64_t sent = 0; sent < kTransfer; sent += sizeof(block)) {
      sink->Send(block, sizeof(block));
    }
  });
}

int Run(const char* provider, uint16_t echo_port, uint16_t sink_port) {
  return strcmp(provider, "-") == 0
             ? MeasureSockets(echo_port, sink_port)
             : MeasureProvider(provider, echo_port, sink_port);
}

}  // namespace
}  // namespace wspd::bench

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "peer") == 0) return wspd::bench::Serve();
  if (argc != 4) {
    fprintf(stderr,
            "usage: fair_client peer\n"
            "       fair_client PROVIDER ECHO_PORT SINK_PORT\n");
    return 64;
  }
  return wspd::bench::Run(argv[1], static_cast<uint16_t>(atoi(argv[2])),
                          static_cast<uint16_t>(atoi(argv[3])));
}
