#ifndef WSPD_DAEMON_TESTING_SEND_DESCRIPTOR_H_
#define WSPD_DAEMON_TESTING_SEND_DESCRIPTOR_H_

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstring>

namespace wspd {

// Sends the byte 'x' with `descriptor` on the Unix socket `to`; as sendmsg().
inline ssize_t SendDescriptor(int to, int descriptor) {
  char byte = 'x';
  iovec bytes = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(rights), &descriptor, sizeof(descriptor));
  return sendmsg(to, &message, MSG_NOSIGNAL);
}

}  // namespace wspd

#endif  // WSPD_DAEMON_TESTING_SEND_DESCRIPTOR_H_
