#include "tests/fuzz/isolation.h"

#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace wspd {

void EnterEmptyNetwork() {
  if (unshare(CLONE_NEWNET) != 0 &&
      unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    perror("unshare(CLONE_NEWNET)");
    exit(1);
  }
  // Loopback, so that connects have somewhere to go.
  ifreq request{};
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0) {
    perror("ioctl(lo, SIOCSIFFLAGS)");
    exit(1);
  }
  close(fd);
}

}  // namespace wspd
