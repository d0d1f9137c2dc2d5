#include "client_stub/preload/received_rights.h"

#include <cstring>

#include "client_stub/preload/descriptor_hints.h"

namespace wsp {

void ForgetReceivedDescriptors(const msghdr& message) {
  if (message.msg_controllen < CMSG_LEN(sizeof(int))) return;
  msghdr* const items = const_cast<msghdr*>(&message);
  for (cmsghdr* item = CMSG_FIRSTHDR(items); item != nullptr;
       item = CMSG_NXTHDR(items, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t bytes = item->cmsg_len - CMSG_LEN(0);
    for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(item) + at, sizeof fd);
      ForgetHint(fd);
    }
  }
}

}  // namespace wsp
