#include "daemon/linux/lent_sockets.h"

#include <errno.h>
#include <netinet/in.h>

#include <algorithm>
#include <set>

#include "absl/container/flat_hash_set.h"
#include "absl/time/clock.h"
#include "daemon/base/log.h"
#include "daemon/linux/socket_destruction.h"
#include "daemon/linux/socket_mark.h"

namespace wspd {
namespace {

// Whether the kernel has a group for the ends of such sockets.
bool IsTold(const LentSocket& socket) {
  return socket.protocol == IPPROTO_TCP || socket.protocol == IPPROTO_UDP;
}

// Of `cookies`, those that the kernel's lists have. Where a list can't be had
// all of its kind count as had.
absl::flat_hash_set<uint64_t> FindListed(
    const std::vector<LentSocket>& candidates) {
  absl::flat_hash_set<uint64_t> listed;
  std::set<std::pair<int, int>> kinds;
  for (const LentSocket& socket : candidates) {
    kinds.emplace(socket.family, socket.protocol);
  }
  for (const auto& [family, protocol] : kinds) {
    // Their end is known by their marks alone.
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) continue;
    const absl::Status status = ListSockets(
        family, protocol,
        [&](const SocketReport& report) { listed.insert(report.cookie); });
    if (status.ok()) continue;
    static LogLimit limit(1);
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kWarning, "sockets not listed",
          {{"family", family},
           {"protocol", protocol},
           {"cause", status.message()}},
          *suppressed);
    }
    for (const LentSocket& socket : candidates) {
      if (socket.family == family && socket.protocol == protocol) {
        listed.insert(socket.cookie);
      }
    }
  }
  return listed;
}

// Whose an event of the socket, or of what it has accepted, is.
EventRecord RecordOfOwner(const LentSocket& socket) {
  EventRecord record;
  record.plane = wsp::v1::PLANE_LENT;
  record.client_id = socket.owner->client_id.load(std::memory_order_relaxed);
  record.pid = socket.owner->pid;
  record.uid = socket.owner->uid;
  record.protocol = socket.protocol;
  return record;
}

}  // namespace

std::shared_ptr<LentSockets> LentSockets::Create(const Options& options,
                                                 EventLoop* loop) {
  return std::shared_ptr<LentSockets>(new LentSockets(options, loop));
}

LentSockets::~LentSockets() {
  if (ends_ != nullptr) ends_->Stop();
  if (check_timer_ != 0) loop_->CancelTimer(check_timer_);
}

// --------------------------------------------------------------- entries

void LentSockets::Add(const LentSocket& socket) {
  Note(wsp::v1::JournalEvent::KIND_SOCKET_OPENED, socket);
  absl::MutexLock lock(&mu_);
  if (ends_ == nullptr) ListenLocked();
  sockets_.emplace(socket.cookie, socket);
  if (!IsTold(socket)) ++untold_;
  if (NeedsChecksLocked()) ScheduleCheckLocked(options_.check_time);
}

void LentSockets::ListenLocked() {
  auto ends = SocketEnds::Listen(loop_, weak_from_this());
  if (ends.ok()) {
    ends_ = *std::move(ends);
    return;
  }
  static LogLimit limit(1);
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kWarning, "ends of lent sockets are seen late",
        {{"cause", ends.status().message()}}, *suppressed);
  }
}

bool LentSockets::Take(uint64_t cookie, LentSocket* socket) {
  absl::MutexLock lock(&mu_);
  auto found = sockets_.find(cookie);
  if (found == sockets_.end()) return false;
  // The owner's last hold may be this one, and its end needs the lock.
  *socket = std::move(found->second);
  sockets_.erase(found);
  if (!IsTold(*socket)) --untold_;
  socket->owner->Uncount();
  if (sockets_.empty() && ends_ != nullptr && !idle_timer_) {
    idle_timer_ = true;
    loop_->RunAfter(options_.idle_time, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->StopWhenIdle();
    });
  }
  return true;
}

void LentSockets::StopWhenIdle() {
  std::shared_ptr<SocketEnds> ends;
  absl::MutexLock lock(&mu_);
  idle_timer_ = false;
  if (!sockets_.empty() || ends_ == nullptr) return;
  ends_->Stop();
  ends = std::move(ends_);
}

void LentSockets::Forget(uint64_t cookie) {
  LentSocket socket;
  if (Take(cookie, &socket)) NoteEnd(socket, nullptr);
}

void LentSockets::Note(wsp::v1::JournalEvent::Kind kind,
                       const LentSocket& socket,
                       const SocketReport* report) const {
  if (options_.events == nullptr) return;
  EventRecord record = RecordOfOwner(socket);
  record.kind = kind;
  record.socket_id = socket.socket_id;
  record.cookie = socket.cookie;
  if (kind == wsp::v1::JournalEvent::KIND_SOCKET_RESET ||
      kind == wsp::v1::JournalEvent::KIND_SOCKET_ENDED) {
    // No other resets are known.
    record.linux_errno = ECONNABORTED;
    record.SetDetail(kByAdministrator);
  }
  if (report != nullptr && report->local.port() != 0) {
    record.local = report->local;
  }
  if (report != nullptr && report->peer.port() != 0) {
    record.peer = report->peer;
  }
  options_.events->Append(record);
}

void LentSockets::NoteAcceptedEnd(const LentSocket& listener,
                                  const SocketReport& ended) const {
  if (options_.events == nullptr) return;
  EventRecord record = RecordOfOwner(listener);
  record.cookie = ended.cookie;
  record.listener_socket_id = listener.socket_id;
  record.local = ended.local;
  record.peer = ended.peer;
  record.kind = wsp::v1::JournalEvent::KIND_SOCKET_ACCEPTED;
  record.SetDetail("told at its end");
  options_.events->Append(record);
  record.kind = wsp::v1::JournalEvent::KIND_SOCKET_CLOSED;
  record.SetDetail("");
  options_.events->Append(record);
}

void LentSockets::NoteEnd(const LentSocket& socket,
                          const SocketReport* report) const {
  // End() has yet to say so.
  if (socket.ending) Note(EventOf(*socket.ending), socket, report);
  Note(wsp::v1::JournalEvent::KIND_SOCKET_CLOSED, socket, report);
}

void LentSockets::LogEnd(const LentSocket& socket, const SocketReport* report) {
  if (!LogEnabled(LogLevel::kDebug)) return;
  const bool counted = report != nullptr && report->has_bytes;
  Log(LogLevel::kDebug, "lent socket ended",
      {{"client", socket.owner->client_id.load(std::memory_order_relaxed)},
       {"pid", socket.owner->pid},
       {"socket", absl::Hex(socket.socket_id, absl::kZeroPad16)},
       {"cookie", socket.cookie},
       {"bytes_sent", counted ? absl::StrCat(report->bytes_sent) : "unknown"},
       {"bytes_received",
        counted ? absl::StrCat(report->bytes_received) : "unknown"}});
}

void LentSockets::OnSocketEnded(const SocketReport& report) {
  LentSocket socket;
  if (Take(report.cookie, &socket)) {
    CountBytes(report);
    NoteEnd(socket, &report);
    if (socket.protocol == IPPROTO_TCP && report.local.port() != 0 &&
        report.peer.port() == 0) {
      accepted_.AddEndedListener(socket, report);
    }
    return LogEnd(socket, &report);
  }
  // Somebody else's, or one that a lent listener has accepted.
  if (!report.has_bytes || report.peer.port() == 0) return;
  switch (accepted_.Add(report)) {
    case AcceptedCounts::Verdict::kAccepted:
      return CountBytes(report);
    case AcceptedCounts::Verdict::kKept:
      return;
    case AcceptedCounts::Verdict::kSettle:
      loop_->RunAfter(accepted_.SettleDelay(), [weak = weak_from_this()] {
        if (auto self = weak.lock()) self->SettleAccepted();
      });
  }
}

void LentSockets::CountBytes(const SocketReport& report) {
  bytes_sent_.fetch_add(report.bytes_sent, std::memory_order_relaxed);
  bytes_received_.fetch_add(report.bytes_received, std::memory_order_relaxed);
}

void LentSockets::SettleAccepted() { CountBytes(accepted_.Settle(List())); }

std::vector<LentSocket> LentSockets::List() const {
  std::vector<LentSocket> all;
  absl::MutexLock lock(&mu_);
  all.reserve(sockets_.size());
  for (const auto& [cookie, socket] : sockets_) all.push_back(socket);
  return all;
}

size_t LentSockets::size() const {
  absl::MutexLock lock(&mu_);
  return sockets_.size();
}

absl::Status LentSockets::End(ForcedEnd how, int family, int protocol,
                              uint64_t cookie) {
  if (!options_.resets) {
    return absl::FailedPreconditionError(
        "lent sockets aren't reset by this daemon: \"planes { reset_lent: true "
        "}\" and \"privileges { net_admin: true }\" in its configuration would "
        "let it");
  }
  {
    absl::MutexLock lock(&mu_);
    auto found = sockets_.find(cookie);
    if (found != sockets_.end()) found->second.ending = how;
  }
  absl::Status status = DestroySocket(family, protocol, cookie, how);
  absl::MutexLock lock(&mu_);
  auto found = sockets_.find(cookie);
  // Else its end has come, which says so.
  if (found != sockets_.end()) {
    found->second.ending.reset();
    if (status.ok()) Note(EventOf(how), found->second);
  }
  return status;
}

// ---------------------------------------------------------------- checks

bool LentSockets::NeedsChecksLocked() const {
  return untold_ > 0 || (ends_ == nullptr && !sockets_.empty());
}

void LentSockets::ScheduleCheckLocked(absl::Duration delay) {
  const absl::Time due = absl::Now() + delay;
  if (check_timer_ != 0) {
    if (check_due_ <= due) return;
    loop_->CancelTimer(check_timer_);
  }
  check_due_ = due;
  const uint64_t round = ++check_round_;
  check_timer_ = loop_->RunAfter(delay, [weak = weak_from_this(), round] {
    if (auto self = weak.lock()) self->OnCheckTime(round);
  });
}

void LentSockets::OnEndsLost() {
  absl::MutexLock lock(&mu_);
  ScheduleCheckLocked(options_.lost_time);
}

void LentSockets::CheckSoon() { OnEndsLost(); }

void LentSockets::OnCheckTime(uint64_t round) {
  {
    absl::MutexLock lock(&mu_);
    if (round != check_round_) return;
    check_timer_ = 0;
  }
  Check();
  absl::MutexLock lock(&mu_);
  if (NeedsChecksLocked()) ScheduleCheckLocked(options_.check_time);
}

void LentSockets::Check() {
  // Before it is looked what lives: who comes later isn't asked for.
  std::vector<LentSocket> candidates = List();
  const auto marked = ReadMarkedSockets();
  if (marked.ok()) {
    candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                    [&](const LentSocket& socket) {
                                      return marked->contains(socket.inode);
                                    }),
                     candidates.end());
  } else {
    static LogLimit limit(1);
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kWarning, "unbound lent sockets may be lost sight of",
          {{"cause", marked.status().message()}}, *suppressed);
    }
  }
  if (candidates.empty()) return;
  // Closed ones that still send, and those whose mark was taken off.
  const absl::flat_hash_set<uint64_t> listed = FindListed(candidates);
  for (const LentSocket& candidate : candidates) {
    LentSocket socket;
    if (listed.contains(candidate.cookie) || !Take(candidate.cookie, &socket)) {
      continue;
    }
    NoteEnd(socket, nullptr);
    LogEnd(socket, nullptr);
  }
}

}  // namespace wspd
