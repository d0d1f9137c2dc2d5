#include "client_stub/transport/send_credit.h"

#include <algorithm>

namespace wsp {

void SendCredit::SetLimits(const AttachmentLimits& limits) {
  chunk_ = limits.chunk_bytes;
  socket_ = limits.socket_send_credit_bytes;
  client_ = limits.client_send_credit_bytes;
  const uint64_t sockets = std::max<uint64_t>(limits.sockets, 1);
  const uint64_t calls = std::max<uint64_t>(limits.outstanding_calls, 1);
  const uint64_t sends = std::max<uint64_t>(calls * 3 / 4, 1);
  least_cost_ = static_cast<uint32_t>((client_ + sends - 1) / sends);
  kept_ = std::max<uint64_t>(client_ / 2 / sockets, least_cost_);
  common_ = client_ - std::min(client_, kept_ * sockets);
}

bool SendCredit::NextChunk(const SendLane& lane, uint64_t left,
                           uint32_t* bytes) const {
  const auto wanted = static_cast<uint32_t>(std::min<uint64_t>(left, chunk_));
  const uint64_t others = shared_ - (lane.in_flight - Kept(lane));
  const uint64_t share = (common_ - std::min(common_, others)) / kParts;
  const uint64_t most = std::min(socket_, kept_ + share);
  *bytes = wanted;
  if (lane.in_flight + CostOf(wanted) <= most) return true;
  *bytes = static_cast<uint32_t>(std::min<uint64_t>(wanted, most));
  return lane.in_flight == 0;
}

bool SendCredit::MaySendWhole(const SendLane& lane, uint32_t bytes) const {
  uint32_t part;
  return lane.in_flight == 0 ||
         (NextChunk(lane, bytes, &part) && part == bytes);
}

uint32_t SendCredit::Take(SendLane* lane, uint32_t bytes) {
  const uint32_t cost = CostOf(bytes);
  const uint64_t kept = Kept(*lane);
  in_flight_ += cost;
  lane->in_flight += cost;
  shared_ += cost - (Kept(*lane) - kept);
  ++chunks_;
  return cost;
}

void SendCredit::GiveBack(SendLane* lane, uint32_t cost) {
  in_flight_ -= cost;
  shared_ -= cost;
  --chunks_;
  if (lane == nullptr) return;
  const uint64_t kept = Kept(*lane);
  lane->in_flight -= cost;
  shared_ += kept - Kept(*lane);
}

void SendCredit::RemoveLane(const SendLane& lane) { shared_ += Kept(lane); }

}  // namespace wsp
