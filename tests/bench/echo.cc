#include "tests/bench/echo.h"

#include <utility>
#include <vector>

#include "tests/bench/clock.h"
#include "tests/bench/peer.h"
#include "tests/bench/statistics.h"

namespace wspd::bench {

double EchoMicroseconds(Stream* stream, int round_trips) {
  char message[kEchoSize] = {};
  std::vector<double> times;
  times.reserve(static_cast<size_t>(round_trips));
  for (int i = 0; i < round_trips; ++i) {
    const double begin = Now();
    stream->Send(message, sizeof(message));
    stream->Receive(message, sizeof(message));
    times.push_back(Now() - begin);
  }
  return Median(std::move(times)) * 1e6;
}

}  // namespace wspd::bench
