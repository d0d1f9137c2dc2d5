#include "daemon/session/client.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "daemon/policy/subject.h"
#include "daemon/session/attachment.h"
#include "daemon/session/name_listing.h"

namespace wspd {
namespace {

// Finished attachments of one client whose streams haven't ended yet.
constexpr size_t kMostFinished = 2048;

template <typename T>
void Raise(T to, std::atomic<T>* value) {
  T before = value->load();
  while (before < to && !value->compare_exchange_weak(before, to)) {
  }
}

}  // namespace

Client::Client(uint64_t id, ProcessKey key, Peer peer,
               std::shared_ptr<const LimitsInForce> limits,
               std::shared_ptr<SocketOwner> owner, EventJournal* events,
               SessionMetrics* metrics, std::unique_ptr<ClientNames> names)
    : id_(id),
      key_(std::move(key)),
      peer_(std::move(peer)),
      limits_(std::move(limits)),
      attached_at_(absl::Now()),
      owner_(std::move(owner)),
      limited_user_(owner_ != nullptr && owner_->user->is_limited()
                        ? owner_->user.get()
                        : nullptr),
      events_(events),
      metrics_(metrics),
      names_(std::move(names)) {
  if (owner_ != nullptr) owner_->client_id.store(id_);
  Tell(this->limits());
}

void Client::Tell(const SessionLimits& limits) {
  Raise(limits.calls_per_client, &told_calls_);
  Raise(limits.queued_bytes_per_client, &told_queued_bytes_);
}

int Client::CountSocket() {
  const uint32_t owned = owner_ == nullptr ? 0 : owner_->sockets.load();
  std::atomic<uint32_t>& own = usage_.sockets;
  if (own.fetch_add(1, std::memory_order_relaxed) + owned >=
      limits().sockets_per_client) {
    own.fetch_sub(1, std::memory_order_relaxed);
    return EMFILE;
  }
  if (owner_ == nullptr || owner_->user->CountSocket()) return 0;
  own.fetch_sub(1, std::memory_order_relaxed);
  return ENFILE;
}

void Client::UncountSockets(uint32_t count) {
  usage_.sockets.fetch_sub(count, std::memory_order_relaxed);
  if (owner_ != nullptr) owner_->user->UncountSockets(count);
}

Client::Verdict Client::CountCall(bool gives_back) {
  const uint32_t calls =
      usage_.calls.fetch_add(1, std::memory_order_relaxed) + 1;
  const uint32_t most = most_calls();
  bool allowed = calls <= (gives_back ? most : limits().calls_per_client);
  if (limited_user_ != nullptr) {
    const uint32_t of_user =
        limited_user_->calls.fetch_add(1, std::memory_order_relaxed) + 1;
    allowed &= gives_back || of_user <= limited_user_->limits->get().calls;
  }
  if (allowed) return Verdict::kAllowed;
  // The refusals are kept too, so that these have a limit as well.
  return calls > uint64_t{2} * most ? Verdict::kMisuse : Verdict::kRefused;
}

void Client::UncountCall() {
  usage_.calls.fetch_sub(1, std::memory_order_relaxed);
  if (limited_user_ == nullptr) return;
  limited_user_->calls.fetch_sub(1, std::memory_order_relaxed);
}

Client::Verdict Client::CountQueued(uint64_t bytes) {
  uint64_t of_user = 0;
  if (limited_user_ != nullptr) {
    of_user = bytes + limited_user_->queued_bytes.fetch_add(
                          bytes, std::memory_order_relaxed);
  }
  const uint64_t own =
      bytes + usage_.queued_bytes.fetch_add(bytes, std::memory_order_relaxed);
  if (own > told_queued_bytes()) return Verdict::kMisuse;
  if (own <= limits().queued_bytes_per_client &&
      (limited_user_ == nullptr ||
       of_user <= limited_user_->limits->get().queued_bytes)) {
    return Verdict::kAllowed;
  }
  UncountQueued(bytes);
  return Verdict::kRefused;
}

void Client::UncountQueued(uint64_t bytes) {
  usage_.queued_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  if (limited_user_ == nullptr) return;
  limited_user_->queued_bytes.fetch_sub(bytes, std::memory_order_relaxed);
}

int Client::CountOwnedSocket() {
  return owner_->Count(limits().sockets_per_client, usage_.sockets.load());
}

uint32_t Client::sockets() const {
  return usage_.sockets.load() +
         (owner_ == nullptr ? 0 : owner_->sockets.load());
}

void Client::LeaveSockets() {
  if (owner_ == nullptr) return;
  // Unless it is the next one's already.
  uint64_t own = id_;
  owner_->client_id.compare_exchange_strong(own, 0);
}

uint64_t Client::Startup(Attachment* caller, uint64_t call_id, uint64_t owed) {
  absl::MutexLock lock(&mu_);
  if (!HasLocked(caller) || !caller->IsPending(call_id)) return 0;
  const uint64_t before = startups_.load(std::memory_order_relaxed);
  if (owed > 0 && before > 0) return 0;
  // A count that wraps round is nobody's honest count.
  constexpr uint64_t kMost = uint64_t{1} << 62;
  const uint64_t now = std::min(before + std::min(owed, kMost) + 1, kMost);
  startups_.store(now, std::memory_order_release);
  caller->AddStartups(static_cast<int64_t>(now - before), call_id);
  if (before == 0) Note(wsp::v1::JournalEvent::KIND_CLIENT_STARTED);
  return now;
}

bool Client::Cleanup(Attachment* caller, uint64_t call_id, uint64_t* startups) {
  absl::MutexLock lock(&mu_);
  const uint64_t before = startups_.load(std::memory_order_relaxed);
  if (before == 0) return false;
  *startups = before - 1;
  startups_.store(*startups, std::memory_order_release);
  caller->AddStartups(-1, call_id);
  if (*startups == 0) {
    EndLocked(wsp::v1::RegistrationEnded::REASON_CLEANED_UP, caller, call_id);
    Note(wsp::v1::JournalEvent::KIND_CLIENT_CLEANED_UP);
  }
  return true;
}

void Client::EndRegistration(wsp::v1::RegistrationEnded::Reason reason) {
  absl::MutexLock lock(&mu_);
  const bool registered = startups_.exchange(0, std::memory_order_acq_rel) > 0;
  if (registered) return EndLocked(reason, nullptr, 0);
  SweepLocked(reason, nullptr, 0);
}

void Client::EndLocked(wsp::v1::RegistrationEnded::Reason reason,
                       const Attachment* caller, uint64_t call_id) {
  if (metrics_ == nullptr) return SweepLocked(reason, caller, call_id);
  const int64_t begin = SessionMetrics::Now();
  SweepLocked(reason, caller, call_id);
  metrics_->ObserveCleanup(reason, SessionMetrics::Now() - begin);
}

void Client::SweepLocked(wsp::v1::RegistrationEnded::Reason reason,
                         const Attachment* caller, uint64_t call_id) {
  for (const auto& attachment : attachments_) {
    // Nothing of it was the registration's.
    if (attachment->is_linux()) continue;
    const bool is_caller = attachment.get() == caller;
    attachment->DropAll(is_caller ? call_id : 0);
    if (!is_caller) attachment->ReportRegistrationEnded(reason);
  }
}

bool Client::AddAttachment(std::shared_ptr<Attachment> attachment) {
  absl::MutexLock lock(&mu_);
  const auto counted =
      std::count_if(attachments_.begin(), attachments_.end(),
                    [](const auto& entry) { return !entry->finished(); });
  // Nobody may leave finished ones open without end either.
  const uint32_t most = limits().attachments_per_process;
  if (counted >= most || attachments_.size() >= kMostFinished + most) {
    return false;
  }
  attachments_.push_back(std::move(attachment));
  return true;
}

bool Client::HasLocked(const Attachment* attachment) const {
  return std::any_of(
      attachments_.begin(), attachments_.end(),
      [&](const auto& entry) { return entry.get() == attachment; });
}

void Client::RemoveAttachment(Attachment* attachment) {
  bool resume = false;
  {
    absl::MutexLock lock(&mu_);
    auto found = std::find_if(
        attachments_.begin(), attachments_.end(),
        [&](const auto& entry) { return entry.get() == attachment; });
    if (found == attachments_.end()) return;
    const std::shared_ptr<Attachment> removed = std::move(*found);
    attachments_.erase(found);
    const int64_t own = std::max<int64_t>(removed->net_startups(), 0);
    resume = removed->Retire();
    const uint64_t before = startups_.load(std::memory_order_relaxed);
    const bool last =
        std::all_of(attachments_.begin(), attachments_.end(),
                    [](const auto& entry) { return entry->is_linux(); });
    const uint64_t left = last ? 0 : before - std::min<uint64_t>(before, own);
    startups_.store(left, std::memory_order_release);
    if (left == 0 && before > 0) {
      EndLocked(wsp::v1::RegistrationEnded::REASON_CLEANED_UP, nullptr, 0);
      Note(wsp::v1::JournalEvent::KIND_CLIENT_CLEANED_UP, "its stream ended");
    }
  }
  if (resume) ResumeReceives();
}

std::vector<std::shared_ptr<Attachment>> Client::attachments() const {
  absl::MutexLock lock(&mu_);
  return attachments_;
}

bool Client::ReleaseKept(uint64_t bytes) {
  // Before the limit is read, in the one order that InForce is of: who raises
  // that looks at the bytes afterwards.
  const uint64_t before =
      usage_.kept_bytes.fetch_sub(bytes, std::memory_order_seq_cst);
  const uint64_t limit = limits().kept_bytes_per_client;
  return before >= limit && before - bytes < limit;
}

void Client::ResumeReceives() {
  for (const auto& attachment : attachments()) attachment->ResumeReceives();
}

void Client::Note(wsp::v1::JournalEvent::Kind kind,
                  absl::string_view detail) const {
  if (events_ == nullptr) return;
  EventRecord record;
  record.kind = kind;
  record.client_id = id_;
  record.pid = peer_.identity.pid;
  record.uid = peer_.identity.uid;
  record.SetDetail(detail);
  events_->Append(record);
}

void Client::Describe(wsp::v1::Client* out) const {
  const PeerIdentity& identity = peer_.identity;
  out->set_client_id(id_);
  out->set_pid(identity.pid);
  out->set_uid(identity.uid);
  out->set_gid(identity.gid);
  out->set_start_time_ticks(identity.start_time_ticks);
  out->set_cgroup(identity.cgroup);
  out->set_container_id(ContainerOf(identity.cgroup));
  out->set_executable(identity.executable);
  for (const std::string& argument : identity.command_line) {
    out->add_command_line(argument);
  }
  out->set_startups(startups());
  out->set_sockets(sockets());
  out->set_kept_result_bytes(usage_.kept_bytes.load(std::memory_order_relaxed));
  out->set_attached_at_ns(absl::ToUnixNanos(attached_at_));
  const auto all = attachments();
  out->set_attachments(static_cast<uint32_t>(all.size()));
  for (const auto& attachment : all) attachment->Describe(out);
}

void Client::DescribeNames(uint64_t after, uint64_t last,
                           std::vector<wsp::v1::LookedUpName>* out) const {
  if (names_ == nullptr) return;
  for (const LookedUpName& name : names_->List(after, last)) {
    wsp::v1::LookedUpName& entry = out->emplace_back();
    DescribeName(name, &entry);
    entry.set_client_id(id_);
    entry.set_pid(peer_.identity.pid);
    entry.set_uid(peer_.identity.uid);
  }
}

}  // namespace wspd
