#include "client_stub/preload/sockets_ahead.h"

#include <algorithm>

namespace wsp {
namespace {

// From where on there are as many as are asked for at most.
constexpr int kLongSuccession = SocketsAhead::kMost + 1;

bool AreAlike(const LinuxSocketParams& a, const LinuxSocketParams& b) {
  return a.plane == b.plane && a.family == b.family && a.type == b.type &&
         a.protocol == b.protocol && a.nonblocking == b.nonblocking;
}

}  // namespace

bool SocketsAhead::Want(const LinuxSocketParams& kind, int64_t now_ms) {
  const bool alike = AreAlike(kind, kind_);
  if (!alike || now_ms - wanted_ms_ > kSoonMs) wanted_ = 0;
  if (wanted_ < kLongSuccession) ++wanted_;
  wanted_ms_ = now_ms;
  kind_ = kind;
  return alike || size_ == 0;
}

size_t SocketsAhead::CountDue(int64_t now_ms) const {
  if (wanted_ < kSuccession || now_ms - wanted_ms_ > kSoonMs) return 0;
  const size_t most = std::min<size_t>(kMost, static_cast<size_t>(wanted_ - 1));
  return size_ <= most / 2 ? most - size_ : 0;
}

void SocketsAhead::Add(uint64_t call_id) {
  Asked& asked = asked_[(first_ + size_++) % kMost];
  asked = Asked();
  asked.call_id = call_id;
}

bool SocketsAhead::OnResult(uint64_t call_id, const Completion& result) {
  for (size_t i = 0; i < size_; ++i) {
    Asked& asked = asked_[(first_ + i) % kMost];
    if (asked.call_id != call_id) continue;
    asked.answered = true;
    asked.succeeded = result.linux_errno == 0 && result.wsa_error == 0;
    asked.number = result.linux_result.number;
    return true;
  }
  return false;
}

SocketsAhead::Asked SocketsAhead::TakeOldest() {
  const Asked asked = asked_[first_];
  first_ = (first_ + 1) % kMost;
  --size_;
  return asked;
}

}  // namespace wsp
