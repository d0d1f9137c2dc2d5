#include "tests/bench/helpers.h"

#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "tests/bench/kernel_transport.h"
#include "tests/bench/memory.h"
#include "tests/bench/peer.h"
#include "tests/bench/process.h"
#include "tests/bench/spi_transport.h"

namespace wspd::bench {
namespace {

constexpr char kHolder[] = "role:holder";
constexpr char kStartup[] = "role:startup";
constexpr char kFootprint[] = "role:footprint";

[[noreturn]] void Hold(const std::string& provider, uint16_t port, int count) {
  std::unique_ptr<Transport> transport;
  if (provider == kNoProvider) {
    transport = std::make_unique<KernelTransport>();
  } else {
    transport = std::make_unique<SpiTransport>(provider);
  }
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < count; ++i) streams.push_back(transport->Connect(port));
  printf("holding\n");
  fflush(stdout);
  while (true) pause();
}

void ReportStartup(const std::string& provider) {
  const StartupTimes times = MeasureStartup(provider);
  printf("%.6f %.6f\n", times.load * 1e3, times.startup * 1e3);
}

void ReportFootprint(const std::string& provider, uint16_t echo_port) {
  const int threads_before = ThreadCount();
  const double kib_before = MemoryKib(getpid(), "Rss");
  SpiTransport spi(provider);
  const auto stream = spi.ConnectSpi(echo_port);
  Operation receive;
  char message[kEchoSize] = {};
  stream->PostReceive(&receive, message, sizeof(message));
  const int threads_pending = ThreadCount();
  stream->Send(message, sizeof(message));
  stream->Wait(&receive);
  printf("%d %.0f\n", std::max(threads_pending, ThreadCount()) - threads_before,
         MemoryKib(getpid(), "Rss") - kib_before);
}

}  // namespace

std::vector<std::string> HolderCommand(const std::string& provider,
                                       uint16_t port, int count) {
  return SelfCommand(
      {kHolder, provider, std::to_string(port), std::to_string(count)});
}

std::vector<std::string> StartupCommand(const std::string& provider) {
  return SelfCommand({kStartup, provider});
}

std::vector<std::string> FootprintCommand(const std::string& provider,
                                          uint16_t echo_port) {
  return SelfCommand({kFootprint, provider, std::to_string(echo_port)});
}

bool PlayRole(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) return false;
  const std::string& role = arguments[0];
  const std::string& provider = arguments[1];
  const auto number = [&](size_t i) { return std::stoi(arguments.at(i)); };
  if (role == kHolder) {
    Hold(provider, static_cast<uint16_t>(number(2)), number(3));
  } else if (role == kStartup) {
    ReportStartup(provider);
  } else if (role == kFootprint) {
    ReportFootprint(provider, static_cast<uint16_t>(number(2)));
  } else {
    return false;
  }
  return true;
}

}  // namespace wspd::bench
