#include "client_stub/preload/unawaited_connects.h"

#include <cstring>

namespace wsp {
namespace {

bool AreAlike(const Address& a, const Address& b) {
  return a.family == b.family && a.port == b.port && a.scope_id == b.scope_id &&
         a.flow_info == b.flow_info &&
         std::memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

}  // namespace

bool UnawaitedConnects::Want(const Address& to, int64_t now_ms) {
  if (!AreAlike(to, to_) || now_ms - wanted_ms_ > kSoonMs) wanted_ = 0;
  if (wanted_ < kSuccession) ++wanted_;
  to_ = to;
  wanted_ms_ = now_ms;
  return wanted_ >= kSuccession;
}

void UnawaitedConnects::Add(uint64_t call_id, const Socket& socket) {
  Drop(socket.number);
  attempts_[next_] = {call_id, socket, Outcome::kUnanswered};
  next_ = (next_ + 1) % kMost;
  CountUnanswered();
}

void UnawaitedConnects::Forget(uint64_t number) {
  Drop(number);
  CountUnanswered();
}

void UnawaitedConnects::Drop(uint64_t number) {
  for (Attempt& attempt : attempts_) {
    if (attempt.socket.number == number) attempt = Attempt();
  }
}

void UnawaitedConnects::CountUnanswered() {
  all_answered_ = true;
  VisitUnanswered([this](const Socket&) { all_answered_ = false; });
}

void UnawaitedConnects::OnResult(uint64_t call_id, const Completion& result) {
  for (Attempt& attempt : attempts_) {
    if (attempt.call_id != call_id) continue;
    const bool began = result.linux_errno == 0 && result.wsa_error == 0;
    if (!began) EndSuccession();
    attempt.outcome = began && !result.linux_result.in_progress
                          ? Outcome::kConnected
                          : Outcome::kNotConnected;
    CountUnanswered();
    return;
  }
}

UnawaitedConnects::Outcome UnawaitedConnects::Take(uint64_t number) {
  for (Attempt& attempt : attempts_) {
    if (attempt.call_id == 0 || attempt.socket.number != number) continue;
    const Outcome outcome = attempt.outcome;
    if (outcome != Outcome::kUnanswered) attempt = Attempt();
    return outcome;
  }
  return Outcome::kUnknown;
}

}  // namespace wsp
