// Datagrams with the kernel's socket. Nothing looks before it receives: what
// there is to say of ICMP errors the kernel says to the next call, whichever
// that is, and has in a queue for the daemon.
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>

#include "client_stub/spi/kernel_handle.h"

namespace wsp {
namespace {

union KernelAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

struct Message {
  iovec pieces[kMostNativePieces];
  KernelAddress address;
  msghdr header;
};

void Prepare(Message* message, const ByteView* buffers, size_t count) {
  count = std::min(count, kMostNativePieces);
  for (size_t i = 0; i < count; ++i) {
    message->pieces[i].iov_base = const_cast<uint8_t*>(buffers[i].data);
    message->pieces[i].iov_len = buffers[i].size;
  }
  memset(&message->header, 0, sizeof message->header);
  message->header.msg_iov = message->pieces;
  message->header.msg_iovlen = count;
}

void Encode(const Address& address, Message* message) {
  KernelAddress* const to = &message->address;
  memset(to, 0, sizeof *to);
  message->header.msg_name = to;
  if (address.family == Address::kIpv4) {
    to->v4.sin_family = AF_INET;
    to->v4.sin_port = htons(address.port);
    memcpy(&to->v4.sin_addr, address.bytes, sizeof to->v4.sin_addr);
    message->header.msg_namelen = sizeof to->v4;
    return;
  }
  to->v6.sin6_family = AF_INET6;
  to->v6.sin6_port = htons(address.port);
  to->v6.sin6_flowinfo = htonl(address.flow_info);
  to->v6.sin6_scope_id = address.scope_id;
  memcpy(&to->v6.sin6_addr, address.bytes, sizeof to->v6.sin6_addr);
  message->header.msg_namelen = sizeof to->v6;
}

void Decode(const KernelAddress& from, Address* address) {
  *address = Address();
  if (from.any.sa_family == AF_INET) {
    address->family = Address::kIpv4;
    address->port = ntohs(from.v4.sin_port);
    memcpy(address->bytes, &from.v4.sin_addr, sizeof from.v4.sin_addr);
  } else if (from.any.sa_family == AF_INET6) {
    address->family = Address::kIpv6;
    address->port = ntohs(from.v6.sin6_port);
    address->flow_info = ntohl(from.v6.sin6_flowinfo);
    address->scope_id = from.v6.sin6_scope_id;
    memcpy(address->bytes, &from.v6.sin6_addr, sizeof from.v6.sin6_addr);
  }
}

NativeTransfer ResultOf(ssize_t bytes) {
  NativeTransfer result;
  if (bytes >= 0) {
    result.end = NativeTransfer::End::kDone;
    result.bytes = static_cast<size_t>(bytes);
  } else if (errno == EAGAIN) {
    result.end = NativeTransfer::End::kBlocked;
  } else {
    result.error = static_cast<uint32_t>(errno);
  }
  return result;
}

// Whether there are some in the queue, of which somebody else has been told.
bool HasErrors(int handle) {
  pollfd state = {handle, 0, 0};
  return poll(&state, 1, 0) == 1;
}

}  // namespace

NativeTransfer ReceiveDatagramNatively(int handle, const ByteView* buffers,
                                       size_t count, Address* from) {
  Message message;
  Prepare(&message, buffers, count);
  message.address.any.sa_family = AF_UNSPEC;
  message.header.msg_name = &message.address;
  message.header.msg_namelen = sizeof message.address;
  ssize_t bytes;
  do {
    bytes = recvmsg(handle, &message.header, MSG_DONTWAIT);
  } while (bytes < 0 && errno == EINTR);
  NativeTransfer result = ResultOf(bytes);
  if (result.end == NativeTransfer::End::kBlocked && HasErrors(handle)) {
    result.end = NativeTransfer::End::kOther;
  }
  if (bytes < 0) return result;
  Decode(message.address, from);
  result.cut = (message.header.msg_flags & MSG_TRUNC) != 0;
  return result;
}

NativeTransfer SendDatagramNatively(int handle, const ByteView* buffers,
                                    size_t count, const Address& to) {
  Message message;
  Prepare(&message, buffers, count);
  if (to.family != Address::kNone) Encode(to, &message);
  ssize_t bytes;
  do {
    bytes = sendmsg(handle, &message.header, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (bytes < 0 && errno == EINTR);
  return ResultOf(bytes);
}

}  // namespace wsp
