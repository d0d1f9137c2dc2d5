#include "daemon/session/select_wait.h"

#include <errno.h>
#include <sys/epoll.h>

#include <utility>

#include "daemon/winsock/winsock_socket.h"
#include "daemon/winsock/wsa_error.h"

namespace wspd {

uint32_t SelectWait::Fill(const wsp::v1::SelectRequest& request,
                          const Finder& find) {
  poll_ = request.poll();
  const google::protobuf::RepeatedField<uint64_t>* const ids[kSets] = {
      &request.read(), &request.write(), &request.except(), &request.others()};
  const int sets = poll_ ? kSets : kOthers;
  absl::flat_hash_map<uint64_t, uint32_t> index;
  std::vector<uint64_t> unique;
  for (int set = 0; set < sets; ++set) {
    for (const uint64_t id : *ids[set]) {
      auto [found, inserted] =
          index.try_emplace(id, static_cast<uint32_t>(unique.size()));
      if (inserted) {
        unique.push_back(id);
        entries_.emplace_back();
      }
      Entry& entry = entries_[found->second];
      if (entry.in(static_cast<Set>(set))) continue;
      entry.sets |= 1u << set;
      sets_[set].push_back(found->second);
    }
  }
  if (unique.empty()) return kWsaInval;
  std::vector<std::shared_ptr<SocketDescriptor>> descriptors = find(unique);
  for (size_t i = 0; i < unique.size(); ++i) {
    if (descriptors[i] == nullptr && !poll_) return kWsaNotSock;
    entries_[i].wait = this;
    entries_[i].socket_id = unique[i];
    entries_[i].descriptor = std::move(descriptors[i]);
  }
  return 0;
}

SelectWait::Finding SelectWait::LookAt(const Entry& entry) const {
  Finding finding;
  SocketReadiness ready;
  if (entry.descriptor != nullptr) ready = entry.descriptor->Readiness();
  if (!ready.open) {
    // Closed while the call waits (reference, section 4.6).
    if (poll_) {
      finding.invalid = true;
    } else {
      finding.read = entry.in(kRead);
      finding.write = entry.in(kWrite);
      finding.not_socket = !finding.read && !finding.write;
    }
    return finding;
  }
  finding.read = entry.in(kRead) && (poll_ ? ready.has_data : ready.readable);
  finding.write = entry.in(kWrite) && ready.writable;
  finding.except = entry.in(kExcept) && ready.urgent;
  if (!poll_) {
    finding.except |= entry.in(kExcept) && ready.connect_failed;
    return finding;
  }
  finding.write |= entry.in(kWrite) && ready.connect_failed;
  finding.hung_up = ready.hung_up || ready.connect_failed;
  finding.failed = ready.lost || ready.connect_failed;
  return finding;
}

bool SelectWait::Look(CallResult* result) const {
  std::vector<Finding> findings;
  findings.reserve(entries_.size());
  bool ready = false;
  bool not_socket = false;
  for (const Entry& entry : entries_) {
    findings.push_back(LookAt(entry));
    ready |= findings.back().ready();
    not_socket |= findings.back().not_socket;
  }
  if (not_socket) {
    *result = CallResult(kWsaNotSock, ENOTSOCK);
    return true;
  }
  wsp::v1::SelectResult message;
  for (const uint32_t i : sets_[kRead]) {
    if (findings[i].read) message.add_read(entries_[i].socket_id);
  }
  for (const uint32_t i : sets_[kWrite]) {
    if (findings[i].write) message.add_write(entries_[i].socket_id);
  }
  for (const uint32_t i : sets_[kExcept]) {
    if (findings[i].except) message.add_except(entries_[i].socket_id);
  }
  for (size_t i = 0; i < findings.size(); ++i) {
    const uint64_t id = entries_[i].socket_id;
    if (findings[i].hung_up) message.add_hung_up(id);
    if (findings[i].failed) message.add_failed(id);
    if (findings[i].invalid) message.add_invalid(id);
  }
  *result = CallResult();
  result->body = message.SerializeAsString();
  return ready;
}

uint32_t SelectWait::EventsOf(const Entry& entry) {
  uint32_t events = EPOLLRDHUP;
  if (entry.in(kRead)) events |= EPOLLIN;
  // A connect that ends shows as room, whether it has failed or not.
  if (entry.in(kWrite)) events |= EPOLLOUT;
  if (entry.in(kExcept)) events |= EPOLLPRI;
  return events;
}

void SelectWait::Begin(std::function<void()> on_change) {
  on_change_ = std::move(on_change);
  for (Entry& entry : entries_) {
    if (entry.descriptor == nullptr) continue;
    entry.descriptor->socket()->SetObserver(
        std::shared_ptr<SocketObserver>(shared_from_this(), &entry),
        EventsOf(entry));
  }
  State starting = State::kStarting;
  if (!state_.compare_exchange_strong(starting, State::kWaiting)) {
    return Withdraw();
  }
  // What came before that has told nobody.
  for (const Entry& entry : entries_) {
    if (LookAt(entry).ready()) return on_change_();
  }
}

void SelectWait::OnChange(const Entry& entry) {
  if (state_.load() == State::kWaiting && LookAt(entry).ready()) on_change_();
}

bool SelectWait::Claim() {
  State waiting = State::kWaiting;
  if (!state_.compare_exchange_strong(waiting, State::kEnded)) return false;
  Withdraw();
  return true;
}

bool SelectWait::Abandon() {
  const State before = state_.exchange(State::kEnded);
  // One that begins sees it and withdraws by itself.
  if (before == State::kWaiting) Withdraw();
  return before != State::kEnded;
}

void SelectWait::SetTimer(EventLoop* loop, EventLoop::TimerId timer) {
  loop_ = loop;
  timer_.store(timer);
  if (state_.load() == State::kEnded) loop->CancelTimer(timer);
}

void SelectWait::Withdraw() {
  for (Entry& entry : entries_) {
    if (entry.descriptor == nullptr) continue;
    entry.descriptor->socket()->SetObserver(
        std::shared_ptr<SocketObserver>(shared_from_this(), &entry), 0);
  }
  if (const EventLoop::TimerId timer = timer_.load(); timer != 0) {
    loop_->CancelTimer(timer);
  }
}

}  // namespace wspd
