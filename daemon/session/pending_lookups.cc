#include "daemon/session/pending_lookups.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/session/lookup_messages.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

namespace {

// 0 or EACCES. What the daemon knows by itself, services and its own name, is
// no secret.
int CheckQuestion(const LookupQuestion& question, const ClientAccess& access) {
  switch (question.kind) {
    case LookupQuestion::Kind::kHost:
      return access.ResolveHost(question.name);
    case LookupQuestion::Kind::kAddress:
      return access.ResolveAddress(question.address);
    default:
      return 0;
  }
}

}  // namespace

void PendingLookups::Start(const Call& call,
                           const std::shared_ptr<CallSink>& sink) {
  const uint32_t error = TryStart(call, sink);
  if (error != 0) {
    return sink->Finish(call.call_id, CallResult(error, LinuxErrnoOf(error)));
  }
  if (call.report_pending) sink->ReportPending(call.call_id);
}

void PendingLookups::NoteEnd(const std::string& name, int family,
                             uint32_t wsa_error,
                             const LookupAnswer& answer) const {
  if (names_ != nullptr) {
    names_->Note(name, family, wsa_error, answer, absl::Now());
  }
  if (wsa_error != 0) return;
  std::vector<NetAddress> addresses;
  addresses.reserve(answer.addresses.size());
  for (const auto& found : answer.addresses) {
    addresses.push_back(found.address);
  }
  access_->NoteResolved({name, answer.canonical_name}, addresses);
}

uint32_t PendingLookups::TryStart(const Call& call,
                                  const std::shared_ptr<CallSink>& sink) {
  wsp::v1::LookupRequest request;
  LookupQuestion question;
  if (!request.ParseFromString(call.body.RemainingString()) ||
      !DecodeLookup(request, &question)) {
    return kWsaInval;
  }
  if (resolver_ == nullptr) return kWsaOpNotSupp;
  const bool is_host = question.kind == LookupQuestion::Kind::kHost;
  if (CheckQuestion(question, *access_) != 0) {
    if (is_host) NoteEnd(question.name, question.family, kWsaAcces, {});
    return kWsaAcces;
  }
  if (call.timeout_ms != 0) {
    question.time_limit = absl::Milliseconds(call.timeout_ms);
  }
  // An answer may be large: who leaves answers lying gets no more of them.
  if (!sink->MayReceive()) return kWsaNoBufs;
  if (in_use_->fetch_add(1, std::memory_order_relaxed) >=
      limits_->get().lookups_per_client) {
    in_use_->fetch_sub(1, std::memory_order_relaxed);
    return kWsaNoBufs;
  }
  // Of a question that is about a name.
  const std::string name = is_host ? question.name : "";
  const int family = question.family;
  // Held until the id is in its place; the answer waits for that.
  absl::MutexLock lock(&mu_);
  const Resolver::LookupId id = resolver_->Start(
      std::move(question),
      [this, call_id = call.call_id, name, family,
       weak = std::weak_ptr<CallSink>(sink)](const LookupAnswer& answer) {
        const std::shared_ptr<CallSink> owner = weak.lock();
        if (owner == nullptr || !Remove(call_id)) return;
        CallResult result = EncodeLookup(answer);
        // First: the client may connect at once.
        if (!name.empty()) NoteEnd(name, family, result.wsa_error, answer);
        owner->Finish(call_id, std::move(result));
        owner->FlushResults();
      });
  if (id == 0) {
    in_use_->fetch_sub(1, std::memory_order_relaxed);
    return kWsaNoBufs;
  }
  lookups_.emplace(call.call_id, id);
  return 0;
}

bool PendingLookups::Remove(uint64_t call_id) {
  absl::MutexLock lock(&mu_);
  if (lookups_.erase(call_id) == 0) return false;
  in_use_->fetch_sub(1, std::memory_order_relaxed);
  return true;
}

bool PendingLookups::Cancel(uint64_t call_id) {
  absl::MutexLock lock(&mu_);
  const auto found = lookups_.find(call_id);
  if (found == lookups_.end()) return false;
  resolver_->Cancel(found->second);
  lookups_.erase(found);
  in_use_->fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void PendingLookups::CancelAll() {
  absl::MutexLock lock(&mu_);
  for (const auto& [call_id, id] : lookups_) resolver_->Cancel(id);
  in_use_->fetch_sub(static_cast<uint32_t>(lookups_.size()),
                     std::memory_order_relaxed);
  lookups_.clear();
}

}  // namespace wspd
