#ifndef WSPD_TESTS_BENCH_SEND_PUMP_H_
#define WSPD_TESTS_BENCH_SEND_PUMP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "tests/bench/spi_transport.h"

namespace wspd::bench {

// Keeps a number of overlapped sends outstanding on a stream: each that
// completes is posted anew at once, by a thread of its own. The destructor
// waits until all have completed.
class SendPump {
 public:
  SendPump(SpiStream* stream, int outstanding, size_t size);
  ~SendPump();

  uint64_t completed_sends() const { return completed_sends_; }

 private:
  void Run();

  SpiStream* const stream_;
  const std::vector<char> data_;
  std::vector<Operation> operations_;
  std::atomic<uint64_t> completed_sends_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Sends `total` bytes, a multiple of `size`, by overlapped sends of `size`,
// keeping `outstanding` of them outstanding.
void SendOverlapped(SpiStream* stream, int outstanding, size_t size,
                    uint64_t total);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_SEND_PUMP_H_
