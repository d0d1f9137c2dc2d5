#include "daemon/session/pending_selects.h"

#include <errno.h>

#include <utility>

#include "absl/time/time.h"
#include "daemon/session/limits.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

// What an answer may name while the client's kept results are over their limit.
constexpr uint32_t kSmallSelectSockets = 512;

}  // namespace

void PendingSelects::Start(const Call& call,
                           const std::shared_ptr<CallSink>& sink,
                           const SelectWait::Finder& find, EventLoop* timers) {
  const uint64_t call_id = call.call_id;
  wsp::v1::SelectRequest request;
  if (!request.ParseFromString(call.body.RemainingString())) {
    return sink->Finish(call_id, CallResult(kWsaInval, EINVAL));
  }
  auto wait = std::make_shared<SelectWait>();
  if (const uint32_t error = wait->Fill(request, find); error != 0) {
    return sink->Finish(call_id, CallResult(error, LinuxErrnoOf(error)));
  }
  // Its answer may be large: who leaves answers lying gets no more such ones.
  if (wait->size() > kMostSelectedSockets ||
      (wait->size() > kSmallSelectSockets && !sink->MayReceive())) {
    return sink->Finish(call_id, CallResult(kWsaNoBufs, ENOBUFS));
  }
  CallResult result;
  if (wait->Look(&result) || request.no_wait()) {
    return sink->Finish(call_id, std::move(result));
  }
  if (!Add(call_id, wait)) {
    return sink->Finish(call_id, CallResult(kWsaNoBufs, ENOBUFS));
  }
  if (call.report_pending) sink->ReportPending(call_id);
  auto answer = [this, call_id, weak_sink = std::weak_ptr<CallSink>(sink),
                 weak_wait = std::weak_ptr<SelectWait>(wait)](bool time_over) {
    const std::shared_ptr<CallSink> owner = weak_sink.lock();
    const std::shared_ptr<SelectWait> ended = weak_wait.lock();
    if (owner == nullptr || ended == nullptr) return;
    Answer(call_id, ended.get(), owner.get(), time_over);
  };
  wait->Begin([answer] { answer(false); });
  if (call.timeout_ms != 0) {
    wait->SetTimer(timers, timers->RunAfter(absl::Milliseconds(call.timeout_ms),
                                            [answer] { answer(true); }));
  }
}

void PendingSelects::Answer(uint64_t call_id, SelectWait* wait, CallSink* sink,
                            bool time_over) {
  CallResult result;
  // What made it ready may be gone again.
  if (!wait->Look(&result) && !time_over) return;
  if (!wait->Claim()) return;
  Remove(call_id);
  sink->Finish(call_id, std::move(result));
  sink->FlushResults();
}

bool PendingSelects::Add(uint64_t call_id,
                         const std::shared_ptr<SelectWait>& wait) {
  absl::MutexLock lock(&mu_);
  if (wait->size() > kMostSelectedSockets - entries_) return false;
  entries_ += wait->size();
  waits_.emplace(call_id, wait);
  return true;
}

std::shared_ptr<SelectWait> PendingSelects::Remove(uint64_t call_id) {
  absl::MutexLock lock(&mu_);
  auto found = waits_.find(call_id);
  if (found == waits_.end()) return nullptr;
  std::shared_ptr<SelectWait> wait = std::move(found->second);
  waits_.erase(found);
  entries_ -= wait->size();
  return wait;
}

bool PendingSelects::Cancel(uint64_t call_id) {
  const std::shared_ptr<SelectWait> wait = Remove(call_id);
  return wait != nullptr && wait->Abandon();
}

void PendingSelects::CancelAll() {
  absl::flat_hash_map<uint64_t, std::shared_ptr<SelectWait>> waits;
  {
    absl::MutexLock lock(&mu_);
    waits.swap(waits_);
    entries_ = 0;
  }
  for (const auto& [call_id, wait] : waits) wait->Abandon();
}

}  // namespace wspd
