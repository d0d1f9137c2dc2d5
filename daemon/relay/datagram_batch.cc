#include "daemon/relay/datagram_batch.h"

#include <errno.h>

#include <cstring>

#include "daemon/relay/relay_address.h"

namespace wspd {

DatagramBatch* DatagramBatch::OfThread() {
  thread_local DatagramBatch batch;
  return &batch;
}

int DatagramBatch::Receive(int fd, int most, int flags) {
  for (;;) {
    const int got =
        recvmmsg(fd, received_, most, flags | MSG_DONTWAIT, nullptr);
    if (got >= 0 || errno != EINTR) return got;
  }
}

void DatagramBatch::PrepareMessage(int slot) {
  pieces_[slot] = {Slot(slot), kMostMessageBytes};
  msghdr& header = received_[slot].msg_hdr;
  header = {};
  header.msg_iov = &pieces_[slot];
  header.msg_iovlen = 1;
  header.msg_control = &controls_[slot];
  header.msg_controllen = sizeof(controls_[slot]);
}

void DatagramBatch::DisposeOfDescriptors(int count) {
  had_descriptors_ = false;
  for (int i = 0; i < count; ++i) {
    const msghdr& header = received_[i].msg_hdr;
    if (header.msg_controllen == 0) continue;
    had_descriptors_ = true;
    ForeignDescriptors::Dispose(header);
  }
}

int DatagramBatch::ReceiveMessages(int fd) {
  for (int i = 0; i < kSlots; ++i) PrepareMessage(i);
  const int count = Receive(fd, kSlots, MSG_CMSG_CLOEXEC);
  const int error = errno;
  DisposeOfDescriptors(count);
  errno = error;
  return count;
}

int DatagramBatch::PeekMessage(int fd) {
  PrepareMessage(0);
  // Of these the message has the last hold.
  received_[0].msg_hdr.msg_control = nullptr;
  received_[0].msg_hdr.msg_controllen = 0;
  return Receive(fd, 1, MSG_PEEK);
}

void DatagramBatch::TakeMessage(int fd) {
  PrepareMessage(0);
  received_[0].msg_hdr.msg_iovlen = 0;
  DisposeOfDescriptors(Receive(fd, 1, MSG_CMSG_CLOEXEC));
}

int DatagramBatch::ReceiveDatagrams(int fd) {
  for (int i = 0; i < kSlots; ++i) {
    pieces_[i] = {Payload(i), wsp::relay::kMaxDatagramBytes};
    msghdr& header = received_[i].msg_hdr;
    header = {};
    header.msg_name = senders_[i].Buffer();
    header.msg_namelen = NetAddress::kMostBytes;
    header.msg_iov = &pieces_[i];
    header.msg_iovlen = 1;
    header.msg_control = Slot(i) + kHeaderBytes;
    header.msg_controllen = wsp::relay::kMaxControlBytes;
  }
  return Receive(fd, kSlots, 0);
}

void DatagramBatch::ComposeMessage(int slot, iovec pieces[2]) {
  const msghdr& from = received_[slot].msg_hdr;
  wsp::relay::DatagramHeader header{};
  header.kind = wsp::relay::kDatagram;
  header.control_bytes = static_cast<uint16_t>(from.msg_controllen);
  header.flags = from.msg_flags & MSG_CTRUNC;
  if (from.msg_namelen > 0) header.address = ToRelayAddress(senders_[slot]);
  memcpy(Slot(slot), &header, sizeof(header));
  pieces[0] = {Slot(slot), kHeaderBytes + from.msg_controllen};
  pieces[1] = {Payload(slot), payload_bytes(slot)};
}

}  // namespace wspd
