#include "daemon/socket/udp_segments.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

namespace wspd {

size_t SegmentBytesOf(int fd) {
  int bytes = 0;
  socklen_t size = sizeof(bytes);
  if (getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &bytes, &size) != 0) return 0;
  return static_cast<size_t>(std::max(bytes, 0));
}

size_t SegmentBytesOf(const msghdr& message) {
  msghdr copy = message;
  if (copy.msg_control == nullptr) return 0;
  for (cmsghdr* item = CMSG_FIRSTHDR(&copy); item != nullptr;
       item = CMSG_NXTHDR(&copy, item)) {
    uint16_t bytes;
    if (item->cmsg_level != IPPROTO_UDP || item->cmsg_type != UDP_SEGMENT ||
        item->cmsg_len < CMSG_LEN(sizeof(bytes))) {
      continue;
    }
    memcpy(&bytes, CMSG_DATA(item), sizeof(bytes));
    return bytes;
  }
  return 0;
}

}  // namespace wspd
