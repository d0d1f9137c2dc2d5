#include "tests/bench/helpers.h"

#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "tests/bench/echo.h"
#include "tests/bench/kernel_transport.h"
#include "tests/bench/memory.h"
#include "tests/bench/peer.h"
#include "tests/bench/process.h"
#include "tests/bench/spi_transport.h"

namespace wspd::bench {
namespace {

constexpr char kHolder[] = "role:holder";
constexpr char kEchoer[] = "role:echoer";
constexpr char kStartup[] = "role:startup";
constexpr char kFootprint[] = "role:footprint";

std::unique_ptr<Transport> MakeTransport(const std::string& provider) {
  if (provider == kNoProvider) return std::make_unique<KernelTransport>();
  return std::make_unique<SpiTransport>(provider);
}

[[noreturn]] void Hold(const std::string& provider, uint16_t port, int count) {
  const std::unique_ptr<Transport> transport = MakeTransport(provider);
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < count; ++i) streams.push_back(transport->Connect(port));
  printf("holding\n");
  fflush(stdout);
  while (true) pause();
}

// Until its input ends.
void EchoOnDemand(const std::string& provider, uint16_t echo_port,
                  uint16_t idle_port, int idle, int round_trips) {
  const std::unique_ptr<Transport> transport = MakeTransport(provider);
  const auto echo = transport->Connect(echo_port);
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < idle; ++i) {
    streams.push_back(transport->Connect(idle_port));
  }
  printf("ready\n");
  fflush(stdout);
  char line[16];
  while (fgets(line, sizeof(line), stdin) != nullptr) {
    printf("%.3f\n", EchoMicroseconds(echo.get(), round_trips));
    fflush(stdout);
  }
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

std::vector<std::string> EchoerCommand(const std::string& provider,
                                       uint16_t echo_port, uint16_t idle_port,
                                       int idle, int round_trips) {
  return SelfCommand({kEchoer, provider, std::to_string(echo_port),
                      std::to_string(idle_port), std::to_string(idle),
                      std::to_string(round_trips)});
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
  } else if (role == kEchoer) {
    EchoOnDemand(provider, static_cast<uint16_t>(number(2)),
                 static_cast<uint16_t>(number(3)), number(4), number(5));
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
