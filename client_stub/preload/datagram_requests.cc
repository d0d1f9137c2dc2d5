#include "client_stub/preload/datagram_requests.h"

#include <errno.h>

#include <algorithm>
#include <cstdint>

#include "client_stub/preload/datagram_frame.h"
#include "client_stub/preload/relayed_calls.h"
#include "client_stub/preload/socket_address.h"
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

// Puts a queued error where recvmsg() would.
int PutQueuedError(const relay::Name& name, const Completion& result,
                   msghdr* message) {
  const size_t room = TotalBytes(message->msg_iov, message->msg_iovlen);
  message->msg_flags = static_cast<int>(result.flags);
  if (result.data.size > room) message->msg_flags |= MSG_TRUNC;
  const size_t size = Scatter(result.data.data, result.data.size,
                              message->msg_iov, message->msg_iovlen);
  if (message->msg_name != nullptr) {
    if (result.peer.family == Address::kNone) {
      message->msg_namelen = 0;
    } else {
      const int error = CopyAddressOut(
          result.peer, name.family, static_cast<sockaddr*>(message->msg_name),
          &message->msg_namelen);
      if (error != 0) return error;
    }
  }
  const ByteView control = result.linux_result.control;
  PutControl(control.data, control.size, message);
  return static_cast<int>(size);
}

}  // namespace

long AskToSendDatagram(int fd, const relay::Name& name,
                       const OutgoingDatagram& datagram) {
  if (!IsThere(datagram)) return -EFAULT;
  const relay::DatagramHeader& header = *datagram.header;
  long sent = 0;
  const int error = AskRelayed(
      fd, name,
      [&](ByteBuffer* call) {
        const ByteBuffer data = Gather(datagram);
        AppendLinuxSend(call, FromWire(header.address),
                        {data.data(), data.size()}, header.flags,
                        {static_cast<const uint8_t*>(datagram.control),
                         header.control_bytes});
      },
      [&](const Completion& result) {
        sent = static_cast<long>(result.linux_result.sent);
      });
  return error < 0 ? error : sent;
}

long AskForQueuedError(int fd, const relay::Name& name, msghdr* message) {
  const size_t room = TotalBytes(message->msg_iov, message->msg_iovlen);
  const size_t control_room =
      message->msg_control == nullptr ? 0 : message->msg_controllen;
  int received = 0;
  const int error = AskRelayed(
      fd, name,
      [&](ByteBuffer* call) {
        AppendLinuxReceiveError(
            call, static_cast<uint32_t>(std::min(room, kMostErrorBytes)),
            static_cast<uint32_t>(std::min(control_room, kMostErrorBytes)));
      },
      [&](const Completion& result) {
        received = PutQueuedError(name, result, message);
      });
  return error < 0 ? error : received;
}

int AskToConnectDatagrams(int fd, const relay::Name& name,
                          const relay::Address& peer) {
  bool in_progress;
  return ConnectRelayed(fd, name, FromWire(peer), 0, &in_progress);
}

int AskToShutDownDatagrams(int fd, const relay::Name& name, int how) {
  return ShutDownRelayed(fd, name, how);
}

int AskForDatagramSocket(int fd, const relay::Name& name) {
  Address address;
  return AddressOfRelayed(fd, name, false, &address);
}

}  // namespace wsp
