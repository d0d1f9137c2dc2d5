#include "daemon/relay/datagram_batch.h"

#include <errno.h>

#include <cstring>

#include "daemon/relay/relay_address.h"

namespace wspd {

DatagramBatch* DatagramBatch::OfThread() {
  thread_local DatagramBatch batch;
  return &batch;
}

int DatagramBatch::Receive(int fd) {
  for (;;) {
    const int got = recvmmsg(fd, received_, kSlots, MSG_DONTWAIT, nullptr);
    if (got >= 0 || errno != EINTR) return got;
  }
}

int DatagramBatch::ReceiveMessages(int fd) {
  for (int i = 0; i < kSlots; ++i) {
    pieces_[i] = {Slot(i), kMostMessageBytes};
    msghdr& header = received_[i].msg_hdr;
    header = {};
    header.msg_iov = &pieces_[i];
    header.msg_iovlen = 1;
  }
  return Receive(fd);
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
  return Receive(fd);
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
