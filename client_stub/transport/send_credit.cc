#include "client_stub/transport/send_credit.h"

#include <algorithm>

namespace wsp {

void SendCredit::SetLimits(const AttachmentLimits& limits) {
  chunk_ = limits.chunk_bytes;
  socket_ = limits.socket_send_credit_bytes;
  client_ = limits.client_send_credit_bytes;
  const uint64_t sockets = std::max<uint64_t>(limits.sockets, 1);
  kept_ = std::max<uint64_t>(client_ / 2 / sockets, 1);
  common_ = client_ - std::min(client_, kept_ * sockets);
}

uint32_t SendCredit::NextChunkBytes(const SendLane& lane, uint64_t left) const {
  const uint64_t wanted = std::min<uint64_t>(left, chunk_);
  const uint64_t others = shared_ - (lane.in_flight - Kept(lane));
  const uint64_t share = (common_ - std::min(common_, others)) / kParts;
  const uint64_t most = std::min(socket_, kept_ + share);
  if (lane.in_flight + wanted <= most) return static_cast<uint32_t>(wanted);
  if (lane.in_flight > 0) return 0;
  return static_cast<uint32_t>(most);
}

void SendCredit::Take(SendLane* lane, uint32_t bytes) {
  const uint64_t kept = Kept(*lane);
  in_flight_ += bytes;
  lane->in_flight += bytes;
  shared_ += bytes - (Kept(*lane) - kept);
}

void SendCredit::GiveBack(SendLane* lane, uint32_t bytes) {
  in_flight_ -= bytes;
  shared_ -= bytes;
  if (lane == nullptr) return;
  const uint64_t kept = Kept(*lane);
  lane->in_flight -= bytes;
  shared_ += kept - Kept(*lane);
}

void SendCredit::RemoveLane(const SendLane& lane) { shared_ += Kept(lane); }

}  // namespace wsp
