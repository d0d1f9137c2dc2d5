#ifndef WSPD_DAEMON_RELAY_DATAGRAM_BATCH_H_
#define WSPD_DAEMON_RELAY_DATAGRAM_BATCH_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>

#include "daemon/relay/datagram_message.h"
#include "daemon/relay/foreign_descriptors.h"
#include "daemon/socket/net_address.h"
#include "proto/relay_wire.h"

namespace wspd {

// Room for the datagrams that are moved at a time, each in a slot of its own:
//
//   DatagramHeader | control block | payload
//
// in one piece as the program's end sends it; as the kernel's socket gives it,
// the payload has its own place behind the longest control block. Only pages
// that were written to take memory.
class DatagramBatch {
 public:
  static constexpr int kSlots = 16;

  // That of the calling thread. What is in it is valid until the thread's next
  // use.
  static DatagramBatch* OfThread();

  // Take up to kSlots messages; how many, or -1 with errno. None waits. Fewer
  // than kSlots: there were no more at that moment.

  // Whole messages from the daemon's end of a pair. Descriptors that come with
  // them are disposed of.
  int ReceiveMessages(int fd);
  // The next one alone, which stays where it is until TakeMessage().
  int PeekMessage(int fd);
  void TakeMessage(int fd);
  // Datagrams with their addresses and control blocks; their headers are
  // written.
  int ReceiveDatagrams(int fd);

  // After ReceiveMessages() or TakeMessage(): whether there were descriptors.
  bool had_descriptors() const { return had_descriptors_; }

  // After ReceiveMessages() or PeekMessage().
  char* message(int slot) { return Slot(slot); }
  size_t message_bytes(int slot) const { return received_[slot].msg_len; }
  // Longer than any message may be.
  bool is_cut(int slot) const {
    return (received_[slot].msg_hdr.msg_flags & MSG_TRUNC) != 0;
  }

  // After ReceiveDatagrams().
  size_t payload_bytes(int slot) const { return received_[slot].msg_len; }
  // The message for the program: header with control block, and payload.
  void ComposeMessage(int slot, iovec pieces[2]);

 private:
  static constexpr size_t kHeaderBytes = sizeof(wsp::relay::DatagramHeader);
  // Control blocks are aligned as cmsghdrs are.
  static constexpr size_t kBefore =
      alignof(cmsghdr) - kHeaderBytes % alignof(cmsghdr);
  static constexpr size_t kSlotBytes =
      (kBefore + kMostMessageBytes + 63) / 64 * 64;

  DatagramBatch()
      : memory_(new char[kSlots * kSlotBytes]),
        controls_(new ForeignDescriptors::Control[kSlots]) {}

  char* Slot(int slot) { return &memory_[slot * kSlotBytes + kBefore]; }
  char* Payload(int slot) {
    return Slot(slot) + kHeaderBytes + wsp::relay::kMaxControlBytes;
  }
  void PrepareMessage(int slot);
  int Receive(int fd, int most, int flags);
  void DisposeOfDescriptors(int count);

  // Not cleared.
  const std::unique_ptr<char[]> memory_;
  const std::unique_ptr<ForeignDescriptors::Control[]> controls_;
  mmsghdr received_[kSlots] = {};
  iovec pieces_[kSlots] = {};
  NetAddress senders_[kSlots];
  bool had_descriptors_ = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_DATAGRAM_BATCH_H_
