#ifndef WSPD_TESTS_PRELOAD_BEHAVIOUR_DESCRIPTOR_PASSING_H_
#define WSPD_TESTS_PRELOAD_BEHAVIOUR_DESCRIPTOR_PASSING_H_

#include <string.h>
#include <sys/socket.h>

#include "tests/preload/behaviour/outcome.h"
#include "tests/testing/owned_fd.h"

namespace wspd::preload {

// Two Unix sockets, and descriptors passed from one to the other by SCM_RIGHTS,
// also between processes that share them.
class PassingPair {
 public:
  PassingPair() {
    int ends[2];
    EXPECT_SUCCESS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    in_.Reset(ends[0]);
    out_.Reset(ends[1]);
  }

  bool Send(int fd) const {
    char byte = 0;
    iovec part = {&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = Message(&part, control, sizeof(control));
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    const Outcome sent = Call(sendmsg(in_.get(), &message, 0));
    EXPECT_EQ(sent, Gives(1));
    return sent == Gives(1);
  }

  testing::OwnedFd Receive(int flags = 0) const {
    char byte = 0;
    iovec part = {&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = Message(&part, control, sizeof(control));
    EXPECT_EQ(Call(recvmsg(out_.get(), &message, flags)), Gives(1));
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) {
      ADD_FAILURE() << "no descriptor came";
      return testing::OwnedFd();
    }
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return testing::OwnedFd(fd);
  }

 private:
  static msghdr Message(iovec* part, char* control, size_t size) {
    msghdr message = {};
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = size;
    return message;
  }

  testing::OwnedFd in_;
  testing::OwnedFd out_;
};

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_DESCRIPTOR_PASSING_H_
