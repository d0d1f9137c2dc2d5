#ifndef WSPD_DAEMON_METRICS_SESSION_METRICS_H_
#define WSPD_DAEMON_METRICS_SESSION_METRICS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/metrics/duration_histogram.h"
#include "google/protobuf/descriptor.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// How long calls and cleanups took, and with which errors calls ended. Exists
// while metrics are on, and only then.
//
// Thread-safe. Observing is for the data path: no lock, no allocation. Threads
// that observe calls have counters of their own, as long as there are few.
class SessionMetrics {
 public:
  // Calls are counted by the number of their request in wsp.v1.Call, those
  // about relayed sockets by OfLinuxCall(); numbers from kFunctions on, and
  // those without a name, as 0.
  static constexpr uint32_t kLinuxFunctions = 64;
  static constexpr uint32_t kFunctions = 96;
  // Of a call whose request has that number in wsp.v1.LinuxCallRequest.
  static constexpr uint32_t OfLinuxCall(uint32_t request) {
    return request < kFunctions - kLinuxFunctions ? kLinuxFunctions + request
                                                  : 0;
  }

  SessionMetrics();
  SessionMetrics(const SessionMetrics&) = delete;
  SessionMetrics& operator=(const SessionMetrics&) = delete;

  // The time on the clock of `ns` below: the monotonic one.
  static int64_t Now();

  // A call has ended, `ns` nanoseconds after it came. `wsa_error`: 0 for
  // success.
  void ObserveCall(uint32_t function, uint32_t wsa_error, int64_t ns);

  // A registration has ended, for which everything that it had was ended in
  // `ns` nanoseconds.
  void ObserveCleanup(wsp::v1::RegistrationEnded::Reason reason, int64_t ns);

  struct CallErrors {
    uint32_t function;
    // Winsock's code; 0 stands for those that aren't Winsock's.
    uint32_t wsa_error;
    uint64_t count;
  };

  // The name of a function's request, as "close_socket", or "linux_connect";
  // empty: there is none of that number. Of 0 it is "unknown".
  const std::string& NameOf(uint32_t function) const {
    return names_[function];
  }
  DurationHistogram::Sum CallsOf(uint32_t function) const;
  // Those that have happened.
  std::vector<CallErrors> Errors() const;
  DurationHistogram::Sum CleanupsOf(
      wsp::v1::RegistrationEnded::Reason reason) const;

 private:
  // As many as threads that run calls, in general.
  static constexpr size_t kShards = 8;
  static constexpr size_t kReasons =
      wsp::v1::RegistrationEnded::Reason_ARRAYSIZE;
  // Codes by their place in the table.
  static constexpr size_t kErrorSlots = 256;

  struct alignas(64) Shard {
    std::array<DurationHistogram, kFunctions> calls;
  };

  void SetNames(const google::protobuf::Descriptor* message, uint32_t first,
                absl::string_view prefix);
  static size_t SlotOf(uint32_t wsa_error);
  static uint32_t ErrorOf(size_t slot);

  std::array<std::string, kFunctions> names_;
  const std::unique_ptr<std::array<Shard, kShards>> shards_;
  const std::unique_ptr<
      std::array<std::array<std::atomic<uint64_t>, kErrorSlots>, kFunctions>>
      errors_;
  std::array<DurationHistogram, kReasons> cleanups_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_METRICS_SESSION_METRICS_H_
