#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

#include <algorithm>

#include "client_stub/preload/datagram_calls.h"
#include "client_stub/preload/datagram_end.h"
#include "client_stub/preload/datagram_frame.h"
#include "client_stub/preload/datagram_requests.h"
#include "client_stub/preload/datagram_routes.h"
#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/real_functions.h"

namespace wsp {
namespace {

// The most that most calls have.
constexpr size_t kFewParts = 8;
// What the daemon passes on of a call's flags.
constexpr int kFlagsOfTheDatagram = MSG_DONTROUTE | MSG_CONFIRM | MSG_MORE;

constexpr size_t kUdpHeaderBytes = 8;
constexpr size_t kIpv4HeaderBytes = 20;
constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};

bool HasPorts(const relay::Name& name) {
  return name.protocol == IPPROTO_UDP || name.protocol == IPPROTO_UDPLITE;
}

// The most that a datagram can hold; the daemon finds more out.
size_t MostBytes(const relay::Name& name, const relay::Address& to) {
  if (!HasPorts(name)) return relay::kMaxDatagramBytes;
  const bool is_ipv4 =
      name.family == AF_INET || to.family == relay::kIpv4 ||
      (to.family == relay::kIpv6 &&
       memcmp(to.bytes, kMappedPrefix, sizeof kMappedPrefix) == 0);
  return relay::kMaxDatagramBytes - kUdpHeaderBytes -
         (is_ipv4 ? kIpv4HeaderBytes : 0);
}

// What the kernel would refuse without looking further: 0 or a negative errno.
int Check(const relay::Name& name, const msghdr& message, int flags,
          size_t bytes, relay::DatagramHeader* header) {
  if (bytes > relay::kMaxDatagramBytes) return -EMSGSIZE;
  if ((flags & MSG_OOB) != 0 && name.family == AF_INET) return -EOPNOTSUPP;
  const auto* const to = static_cast<const sockaddr*>(message.msg_name);
  int error =
      ReadDestination(name.family, message.msg_namelen == 0 ? nullptr : to,
                      message.msg_namelen, &header->address);
  if (error != 0) return error;
  if (header->address.family != relay::kNoAddress &&
      header->address.port == 0 && HasPorts(name)) {
    return -EINVAL;
  }
  if (message.msg_control != nullptr && message.msg_controllen > 0) {
    error = CheckControl(message);
    if (error != 0) return error;
    header->control_bytes = static_cast<uint16_t>(message.msg_controllen);
  }
  header->flags = flags & kFlagsOfTheDatagram;
  return bytes > MostBytes(name, header->address) ? -EMSGSIZE : 0;
}

// On the program's end. Two sizes: a handler's stack may be small.
template <size_t kRoom>
__attribute__((noinline)) long SendFrame(int fd,
                                         const OutgoingDatagram& datagram,
                                         int flags) {
  iovec parts[2 + kRoom];
  size_t count = 0;
  parts[count++] = {const_cast<relay::DatagramHeader*>(datagram.header),
                    sizeof *datagram.header};
  if (datagram.header->control_bytes > 0) {
    parts[count++] = {const_cast<void*>(datagram.control),
                      datagram.header->control_bytes};
  }
  std::copy_n(datagram.parts, datagram.part_count, parts + count);
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = count + datagram.part_count;
  const ssize_t sent = Real().sendmsg(fd, &message, flags);
  return sent >= 0 ? static_cast<long>(datagram.bytes) : -errno;
}

long SendByTheEnd(int fd, const relay::Name& name,
                  const OutgoingDatagram& datagram, int flags) {
  flags = (flags & MSG_DONTWAIT) | MSG_NOSIGNAL;
  const long sent = datagram.part_count <= kFewParts
                        ? SendFrame<kFewParts>(fd, datagram, flags)
                        : SendFrame<kMostDatagramParts>(fd, datagram, flags);
  switch (sent) {
    case -EPIPE:
    case -ECONNRESET:
    case -ENOTCONN:
      return DatagramEnd(fd, name, -EPIPE);
    default:
      return sent;
  }
}

}  // namespace

long DatagramSend(int fd, const relay::Name& name, const msghdr& message,
                  int flags) {
  if (message.msg_iovlen > kMostDatagramParts) return -EMSGSIZE;
  const size_t bytes = TotalBytes(message.msg_iov, message.msg_iovlen);
  relay::DatagramHeader header = {};
  const int error = Check(name, message, flags, bytes, &header);
  if (error != 0) return error;
  // Only those with a peer have errors that come by themselves.
  if (header.address.family == relay::kNoAddress) {
    const int pending = TakeDatagramError(fd);
    if (pending != 0) return -pending;
  }
  const OutgoingDatagram datagram = {
      &header, message.msg_control, message.msg_iov, message.msg_iovlen, bytes};
  const DatagramRoute route(name.number, header.address, message.msg_control,
                            header.control_bytes);
  if (!route.Admits(bytes)) {
    const long sent = AskToSendDatagram(fd, name, datagram);
    if (sent >= 0) route.Admit(bytes);
    // To wait for room is the end's affair; and where the daemon can't be asked
    // it may still do the work.
    if (sent != -EAGAIN && sent != -ENETDOWN) return sent;
  }
  return SendByTheEnd(fd, name, datagram, flags);
}

long DatagramSendTo(int fd, const relay::Name& name, const void* data,
                    size_t size, int flags, const sockaddr* to,
                    socklen_t to_size) {
  if (to != nullptr && (to_size == 0 || to_size > sizeof(sockaddr_storage))) {
    return -EINVAL;
  }
  iovec part = {const_cast<void*>(data), size};
  msghdr message = {};
  message.msg_name = const_cast<sockaddr*>(to);
  message.msg_namelen = to == nullptr ? 0 : to_size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return DatagramSend(fd, name, message, flags);
}

long DatagramWrite(int fd, const relay::Name& name, const iovec* parts,
                   int count) {
  if (count < 0 || count > UIO_MAXIOV) return -EINVAL;
  // Unlike write(), which sends an empty one.
  if (TotalBytes(parts, static_cast<size_t>(count)) == 0) return 0;
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<size_t>(count);
  return DatagramSend(fd, name, message, 0);
}

int DatagramSendBatch(int fd, const relay::Name& name, mmsghdr* messages,
                      unsigned count, int flags) {
  count = std::min<unsigned>(count, UIO_MAXIOV);
  unsigned done = 0;
  for (; done < count; ++done) {
    const long sent = DatagramSend(fd, name, messages[done].msg_hdr, flags);
    if (sent < 0) {
      if (done == 0) return static_cast<int>(sent);
      break;
    }
    messages[done].msg_len = static_cast<unsigned>(sent);
  }
  return static_cast<int>(done);
}

int DatagramConnect(int fd, const relay::Name& name, const sockaddr* address,
                    socklen_t size) {
  relay::Address peer;
  int error = ReadPeer(name.family, address, size, &peer);
  if (error != 0) return error;
  error = AskToConnectDatagrams(fd, name, peer);
  // Also after a failure, which may have changed something.
  ForgetDatagramRoutes(name.number);
  return error;
}

void ForgetDatagramSends(uint64_t number) { ForgetDatagramRoutes(number); }

int DatagramShutdown(int fd, const relay::Name& name, int how) {
  if (how < SHUT_RD || how > SHUT_RDWR) return -EINVAL;
  const int result = AskToShutDownDatagrams(fd, name, how);
  // The kernel does it also where it says that there is no connection. On the
  // end it wakes who waits.
  if (result == 0 || result == -ENOTCONN) {
    kernel::Call(SYS_shutdown, fd, how);
  }
  return result;
}

}  // namespace wsp
