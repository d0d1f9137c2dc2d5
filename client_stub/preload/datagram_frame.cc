#include "client_stub/preload/datagram_frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>

namespace wsp {
namespace {

// Without sin6_scope_id, as the kernel still takes it (RFC 2133).
constexpr socklen_t kOldIpv6AddressBytes = 24;

void ReadIpv4(const sockaddr* address, relay::Address* out) {
  sockaddr_in in;
  memcpy(&in, address, sizeof in);
  out->family = relay::kIpv4;
  out->port = in.sin_port;
  memcpy(out->bytes, &in.sin_addr, sizeof in.sin_addr);
}

void ReadIpv6(const sockaddr* address, socklen_t size, relay::Address* out) {
  sockaddr_in6 in = {};
  memcpy(&in, address, std::min<size_t>(size, sizeof in));
  out->family = relay::kIpv6;
  out->port = in.sin6_port;
  out->flow_info = in.sin6_flowinfo;
  memcpy(out->bytes, &in.sin6_addr, sizeof in.sin6_addr);
  out->scope_id = in.sin6_scope_id;
}

int ReadIpv4Destination(const sockaddr* address, socklen_t size,
                        relay::Address* out) {
  if (size < sizeof(sockaddr_in)) return -EINVAL;
  // udp_sendmsg() takes "unspecified" for its own family.
  if (address->sa_family != AF_INET && address->sa_family != AF_UNSPEC) {
    return -EAFNOSUPPORT;
  }
  ReadIpv4(address, out);
  return 0;
}

int ReadIpv6Destination(const sockaddr* address, socklen_t size,
                        relay::Address* out) {
  if (size < offsetof(sockaddr, sa_data)) return -EINVAL;
  switch (address->sa_family) {
    case AF_INET6:
      if (size < kOldIpv6AddressBytes) return -EINVAL;
      ReadIpv6(address, size, out);
      return 0;
    case AF_INET:
      return ReadIpv4Destination(address, size, out);
    case AF_UNSPEC:
      return 0;
    default:
      return -EINVAL;
  }
}

// The kernel's put_cmsg(). How much of the room it takes.
size_t PutItem(cmsghdr item, const uint8_t* data, uint8_t* to, size_t room,
               int* flags) {
  if (room < sizeof item) {
    *flags |= MSG_CTRUNC;
    return 0;
  }
  const size_t space = CMSG_ALIGN(item.cmsg_len);
  if (room < item.cmsg_len) {
    *flags |= MSG_CTRUNC;
    item.cmsg_len = room;
  }
  memcpy(to, &item, sizeof item);
  memcpy(to + sizeof item, data, item.cmsg_len - sizeof item);
  return std::min(space, room);
}

// Walks over what is in parts of memory, from one piece to the next.
class Cursor {
 public:
  Cursor(const iovec* parts, size_t count)
      : parts_(parts), end_(parts + count) {
    SkipEmpty();
  }

  // One piece, of `left()` bytes; 0 at the end.
  uint8_t* at() const {
    return static_cast<uint8_t*>(parts_->iov_base) + offset_;
  }
  size_t left() const { return parts_ == end_ ? 0 : parts_->iov_len - offset_; }
  // At most `left()`.
  void Advance(size_t bytes) {
    offset_ += bytes;
    if (left() == 0) SkipEmpty();
  }

 private:
  void SkipEmpty() {
    while (parts_ != end_ && offset_ == parts_->iov_len) {
      ++parts_;
      offset_ = 0;
    }
  }

  const iovec* parts_;
  const iovec* const end_;
  size_t offset_ = 0;
};

}  // namespace

int ReadDestination(int family, const sockaddr* address, socklen_t size,
                    relay::Address* destination) {
  *destination = {};
  if (address == nullptr) return 0;
  return family == AF_INET ? ReadIpv4Destination(address, size, destination)
                           : ReadIpv6Destination(address, size, destination);
}

int ReadPeer(int family, const sockaddr* address, socklen_t size,
             relay::Address* peer) {
  *peer = {};
  if (size < sizeof address->sa_family || size > sizeof(sockaddr_storage)) {
    return -EINVAL;
  }
  if (address->sa_family == AF_UNSPEC) return 0;
  if (family == AF_INET || address->sa_family == AF_INET) {
    return ReadIpv4Destination(address, size, peer);
  }
  if (size < kOldIpv6AddressBytes) return -EINVAL;
  if (address->sa_family != AF_INET6) return -EAFNOSUPPORT;
  ReadIpv6(address, size, peer);
  return 0;
}

void WriteSource(const relay::Address& source, sockaddr* address,
                 socklen_t* size) {
  const socklen_t room = *size;
  if (source.family == relay::kIpv4) {
    sockaddr_in in = {};
    in.sin_family = AF_INET;
    in.sin_port = source.port;
    memcpy(&in.sin_addr, source.bytes, sizeof in.sin_addr);
    memcpy(address, &in, std::min<size_t>(room, sizeof in));
    *size = sizeof in;
  } else if (source.family == relay::kIpv6) {
    sockaddr_in6 in = {};
    in.sin6_family = AF_INET6;
    in.sin6_port = source.port;
    in.sin6_flowinfo = source.flow_info;
    memcpy(&in.sin6_addr, source.bytes, sizeof in.sin6_addr);
    in.sin6_scope_id = source.scope_id;
    memcpy(address, &in, std::min<size_t>(room, sizeof in));
    *size = sizeof in;
  } else {
    *size = 0;
  }
}

int CheckControl(const msghdr& message) {
  const auto* const begin = static_cast<const uint8_t*>(message.msg_control);
  const size_t size = message.msg_controllen;
  if (size > relay::kMaxControlBytes) return -ENOBUFS;
  // The kernel doesn't mind what is too short for one more.
  for (size_t at = 0; size - at >= sizeof(cmsghdr);) {
    cmsghdr item;
    memcpy(&item, begin + at, sizeof item);
    if (item.cmsg_len < sizeof item || item.cmsg_len > size - at) {
      return -EINVAL;
    }
    at += std::min<size_t>(CMSG_ALIGN(item.cmsg_len), size - at);
  }
  return 0;
}

void PutControl(const void* control, size_t size, msghdr* message) {
  const auto* from = static_cast<const uint8_t*>(control);
  auto* to = static_cast<uint8_t*>(message->msg_control);
  size_t room = to == nullptr ? 0 : message->msg_controllen;
  message->msg_controllen = 0;
  for (cmsghdr item; size >= sizeof item;) {
    memcpy(&item, from, sizeof item);
    if (item.cmsg_len < sizeof item || item.cmsg_len > size) break;
    const size_t taken =
        PutItem(item, from + sizeof item, to, room, &message->msg_flags);
    to += taken;
    room -= taken;
    message->msg_controllen += taken;
    const size_t step = std::min<size_t>(CMSG_ALIGN(item.cmsg_len), size);
    from += step;
    size -= step;
  }
}

size_t TotalBytes(const iovec* parts, size_t count) {
  size_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    total += std::min(parts[i].iov_len, SIZE_MAX - total);
  }
  return total;
}

void TakeFront(const iovec* parts, size_t count, void* front,
               size_t front_bytes, size_t bytes) {
  Cursor from(parts, count);
  for (auto* out = static_cast<uint8_t*>(front); front_bytes > 0;) {
    const size_t step = std::min(front_bytes, from.left());
    memcpy(out, from.at(), step);
    out += step;
    front_bytes -= step;
    from.Advance(step);
  }
  // What is moved is always behind where it goes.
  for (Cursor to(parts, count); bytes > 0;) {
    const size_t step = std::min({bytes, from.left(), to.left()});
    memmove(to.at(), from.at(), step);
    bytes -= step;
    from.Advance(step);
    to.Advance(step);
  }
}

}  // namespace wsp
