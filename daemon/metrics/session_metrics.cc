#include "daemon/metrics/session_metrics.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "proto/wsp/v1/linux.pb.h"

namespace wspd {
namespace {

// Winsock's codes are in two runs, of which not all are in use.
constexpr uint32_t kFirstError = 10000;
constexpr uint32_t kErrors = 200;
constexpr uint32_t kFirstNameError = 11000;
constexpr uint32_t kNameErrors = 50;
// The one with an old number: a cancelled overlapped operation.
constexpr uint32_t kOperationAborted = 995;
constexpr size_t kAbortedSlot = kErrors + kNameErrors;
constexpr size_t kOtherSlot = kAbortedSlot + 1;

// Threads take turns in getting one.
size_t OwnShard(size_t shards) {
  static std::atomic<size_t> next{0};
  thread_local const size_t own = next.fetch_add(1, std::memory_order_relaxed);
  return own % shards;
}

}  // namespace

SessionMetrics::SessionMetrics()
    : shards_(std::make_unique<std::array<Shard, kShards>>()),
      errors_(
          std::make_unique<std::array<
              std::array<std::atomic<uint64_t>, kErrorSlots>, kFunctions>>()) {
  static_assert(kOtherSlot < kErrorSlots);
  names_[0] = "unknown";
  SetNames(wsp::v1::Call::descriptor(), 0, "");
  SetNames(wsp::v1::LinuxCallRequest::descriptor(), kLinuxFunctions, "linux_");
}

void SessionMetrics::SetNames(const google::protobuf::Descriptor* message,
                              uint32_t first, absl::string_view prefix) {
  const auto* requests = message->FindOneofByName("request");
  for (int i = 0; i < requests->field_count(); ++i) {
    const auto* request = requests->field(i);
    const uint32_t function = first + static_cast<uint32_t>(request->number());
    if (function < kFunctions) {
      names_[function] = absl::StrCat(prefix, request->name());
    }
  }
}

int64_t SessionMetrics::Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

size_t SessionMetrics::SlotOf(uint32_t wsa_error) {
  if (wsa_error - kFirstError < kErrors) return wsa_error - kFirstError;
  if (wsa_error - kFirstNameError < kNameErrors) {
    return kErrors + wsa_error - kFirstNameError;
  }
  return wsa_error == kOperationAborted ? kAbortedSlot : kOtherSlot;
}

uint32_t SessionMetrics::ErrorOf(size_t slot) {
  const auto place = static_cast<uint32_t>(slot);
  if (place < kErrors) return kFirstError + place;
  if (slot < kAbortedSlot) return kFirstNameError + place - kErrors;
  return slot == kAbortedSlot ? kOperationAborted : 0;
}

void SessionMetrics::ObserveCall(uint32_t function, uint32_t wsa_error,
                                 int64_t ns) {
  if (function >= kFunctions || names_[function].empty()) function = 0;
  (*shards_)[OwnShard(kShards)].calls[function].Observe(ns);
  if (wsa_error == 0) return;
  (*errors_)[function][SlotOf(wsa_error)].fetch_add(1,
                                                    std::memory_order_relaxed);
}

void SessionMetrics::ObserveCleanup(wsp::v1::RegistrationEnded::Reason reason,
                                    int64_t ns) {
  cleanups_[reason].Observe(ns);
}

DurationHistogram::Sum SessionMetrics::CallsOf(uint32_t function) const {
  DurationHistogram::Sum sum;
  for (const Shard& shard : *shards_) shard.calls[function].AddTo(&sum);
  return sum;
}

std::vector<SessionMetrics::CallErrors> SessionMetrics::Errors() const {
  std::vector<CallErrors> out;
  for (uint32_t function = 0; function < kFunctions; ++function) {
    for (size_t slot = 0; slot <= kOtherSlot; ++slot) {
      const uint64_t count =
          (*errors_)[function][slot].load(std::memory_order_relaxed);
      if (count > 0) out.push_back({function, ErrorOf(slot), count});
    }
  }
  return out;
}

DurationHistogram::Sum SessionMetrics::CleanupsOf(
    wsp::v1::RegistrationEnded::Reason reason) const {
  DurationHistogram::Sum sum;
  cleanups_[reason].AddTo(&sum);
  return sum;
}

}  // namespace wspd
