#ifndef WSPD_CLIENT_STUB_TRANSPORT_SEND_CREDIT_H_
#define WSPD_CLIENT_STUB_TRANSPORT_SEND_CREDIT_H_

#include <cstdint>

#include "client_stub/transport/call.h"
#include "client_stub/transport/server_frame.h"

namespace wsp {

// Shares the payload that the daemon allows a client, in bytes of unanswered
// sends, among its sockets. Sockets may stall for ever; they must not take all.
// A small send costs more than its bytes, so that sends never are much more
// than half of the calls that the client may have unanswered.
//
// Half of it is kept, in equal parts, for the sockets that a client may have:
// one with nothing in flight can always send something. The other half is for
// all, each taking at most a part of what the others leave, so that many that
// stall leave less and less to each other, and never nothing.
//
// A lane that gets no more has something in flight itself, and is to be asked
// again when that is answered.
class SendCredit {
 public:
  // What is in flight stays as it is; Recount() follows.
  void SetLimits(const AttachmentLimits& limits);

  // Whether the lane, which has `left` bytes to send, may send now, and how
  // many of them. A chunk is made smaller only if nothing else of the lane is
  // in flight.
  bool NextChunk(const SendLane& lane, uint64_t left, uint32_t* bytes) const;
  // The same for a message of `bytes` that can't be made smaller. One whose
  // lane has nothing in flight needs no part to be large enough for it: the
  // kernel takes a datagram or drops it, and doesn't stall.
  bool MaySendWhole(const SendLane& lane, uint32_t bytes) const;
  // Whether the client has credit for it. Only one that has closed sockets with
  // sends in flight, and opened others, may be short of it; or one that may
  // have more sockets than calls.
  bool Covers(uint32_t bytes) const {
    return in_flight_ + CostOf(bytes) <= client_;
  }

  // Returns what is to be given back.
  uint32_t Take(SendLane* lane, uint32_t bytes);
  // `lane` is null if it was removed.
  void GiveBack(SendLane* lane, uint32_t cost);
  void RemoveLane(const SendLane& lane);
  // Chunks in flight.
  uint64_t chunks() const { return chunks_; }

  // Nothing is in flight. The caller zeroes the lanes.
  void Reset() { in_flight_ = shared_ = chunks_ = 0; }
  // After SetLimits: `kept` is what Kept() of all lanes adds up to.
  void Recount(uint64_t kept) { shared_ = in_flight_ - kept; }
  // What of the lane's in flight its own part covers.
  uint64_t Kept(const SendLane& lane) const {
    return lane.in_flight < kept_ ? lane.in_flight : kept_;
  }

 private:
  // A lane may take one of so many parts of what the others leave.
  static constexpr uint64_t kParts = 8;

  uint32_t CostOf(uint32_t bytes) const {
    return bytes < least_cost_ ? least_cost_ : bytes;
  }

  uint32_t least_cost_ = 1;
  uint32_t chunk_ = 0;
  uint64_t socket_ = 0;
  uint64_t client_ = 0;
  uint64_t kept_ = 0;    // for each socket
  uint64_t common_ = 0;  // for all
  uint64_t in_flight_ = 0;
  uint64_t shared_ = 0;  // of in_flight_, what common_ covers
  uint64_t chunks_ = 0;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_SEND_CREDIT_H_
