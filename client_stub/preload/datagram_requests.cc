#include "client_stub/preload/datagram_requests.h"

#include <errno.h>

#include <algorithm>
#include <cstdint>

#include "client_stub/preload/datagram_frame.h"
#include "client_stub/preload/relayed_calls.h"
#include "client_stub/preload/socket_address.h"
#include "client_stub/preload/socket_session.h"
#include "client_stub/preload/user_memory.h"
#include "client_stub/transport/linux_requests.h"

namespace wsp {
namespace {

constexpr uintptr_t kPageBytes = 4096;
// The most that LinuxReceiveError has room for.
constexpr size_t kMostErrorBytes = 65'536;

// Whether the program has the memory that it names: the request is put together
// where nothing may fault.
bool IsThere(const OutgoingDatagram& datagram) {
  for (size_t i = 0; i < datagram.part_count; ++i) {
    if (datagram.parts[i].iov_len == 0) continue;
    auto at = reinterpret_cast<uintptr_t>(datagram.parts[i].iov_base);
    const uintptr_t last = at + datagram.parts[i].iov_len - 1;
    for (; at <= last; at = (at | (kPageBytes - 1)) + 1) {
      uint8_t byte;
      if (!CopyIn(&byte, reinterpret_cast<const void*>(at), 1)) return false;
      // The last page there is.
      if ((at | (kPageBytes - 1)) == UINTPTR_MAX) break;
    }
  }
  return true;
}

ByteBuffer Gather(const OutgoingDatagram& datagram) {
  ByteBuffer data;
  data.reserve(datagram.bytes);
  for (size_t i = 0; i < datagram.part_count; ++i) {
    const auto* const from =
        static_cast<const uint8_t*>(datagram.parts[i].iov_base);
    data.insert(data.end(), from, from + datagram.parts[i].iov_len);
  }
  return data;
}

// A datagram that has perhaps gone isn't sent again.
class SendCall final : public RelayedCall {
 public:
  explicit SendCall(const OutgoingDatagram& datagram) : datagram_(datagram) {}

  void Append(ByteBuffer* call) const override {
    const relay::DatagramHeader& header = *datagram_.header;
    const ByteBuffer data = Gather(datagram_);
    AppendLinuxSend(
        call, FromWire(header.address), {data.data(), data.size()},
        header.flags,
        {static_cast<const uint8_t*>(datagram_.control), header.control_bytes});
  }
  void Take(const Completion& result) override {
    sent_ = static_cast<long>(result.linux_result.sent);
  }
  bool MayBeRepeated() const override { return false; }

  long sent() const { return sent_; }

 private:
  const OutgoingDatagram& datagram_;
  long sent_ = 0;
};

// A message that an error is received into, whose parts are somebody else's
// memory: here nothing may fault.
class ErrorMessage {
 public:
  ErrorMessage(const relay::Name& name, msghdr* message)
      : name_(name), message_(message) {}

  // Puts the error where recvmsg() would. False: there is no such memory.
  bool Put(const Completion& result) {
    message_->msg_flags = static_cast<int>(result.flags);
    return PutData(result.data) && PutAddress(result.peer) &&
           PutItems(result.linux_result.control);
  }
  size_t size() const { return size_; }

 private:
  bool PutData(ByteView data) {
    for (size_t i = 0; i < message_->msg_iovlen && size_ < data.size; ++i) {
      iovec part;
      if (!CopyIn(&part, message_->msg_iov + i, sizeof part)) return false;
      const size_t step = std::min(part.iov_len, data.size - size_);
      if (!CopyOut(part.iov_base, data.data + size_, step)) return false;
      size_ += step;
    }
    if (size_ < data.size) message_->msg_flags |= MSG_TRUNC;
    return true;
  }
  bool PutAddress(const Address& from) {
    if (message_->msg_name == nullptr) return true;
    if (from.family == Address::kNone) {
      message_->msg_namelen = 0;
      return true;
    }
    return CopyAddressOut(from, name_.family,
                          static_cast<sockaddr*>(message_->msg_name),
                          &message_->msg_namelen) == 0;
  }
  bool PutItems(ByteView control) {
    alignas(cmsghdr) uint8_t room[relay::kMaxControlBytes];
    msghdr items = *message_;
    if (items.msg_control != nullptr) items.msg_control = room;
    items.msg_controllen = std::min(items.msg_controllen, sizeof room);
    PutControl(control.data, control.size, &items);
    message_->msg_flags = items.msg_flags;
    message_->msg_controllen = items.msg_controllen;
    return CopyOut(message_->msg_control, room, items.msg_controllen);
  }

  const relay::Name& name_;
  msghdr* const message_;
  size_t size_ = 0;
};

}  // namespace

long AskToSendDatagram(int fd, const relay::Name& name,
                       const OutgoingDatagram& datagram) {
  if (!IsThere(datagram)) return -EFAULT;
  SendCall call(datagram);
  const int error = AskAboutSocket(fd, name, &call);
  return error < 0 ? error : call.sent();
}

long AskForQueuedError(int fd, const relay::Name& name, msghdr* message) {
  const size_t room = TotalBytes(message->msg_iov, message->msg_iovlen);
  const size_t control_room =
      message->msg_control == nullptr ? 0 : message->msg_controllen;
  // The program's own message is written when the daemon isn't asked any more.
  msghdr copy = *message;
  ErrorMessage received(name, &copy);
  bool there = false;
  const int error = AskRelayed(
      fd, name,
      [&](ByteBuffer* call) {
        AppendLinuxReceiveError(
            call, static_cast<uint32_t>(std::min(room, kMostErrorBytes)),
            static_cast<uint32_t>(std::min(control_room, kMostErrorBytes)));
      },
      [&](const Completion& result) { there = received.Put(result); });
  if (error < 0) return error;
  if (!there) return -EFAULT;
  *message = copy;
  return static_cast<long>(received.size());
}

int AskToConnectDatagrams(int fd, const relay::Name& name,
                          const relay::Address& peer) {
  ConnectAnswer answer;
  return ConnectRelayed(fd, name, FromWire(peer), 0, false, &answer);
}

int AskToShutDownDatagrams(int fd, const relay::Name& name, int how) {
  return ShutDownRelayed(fd, name, how);
}

int AskForDatagramSocket(int fd, const relay::Name& name) {
  Address address;
  return AddressOfRelayed(fd, name, false, &address);
}

}  // namespace wsp
