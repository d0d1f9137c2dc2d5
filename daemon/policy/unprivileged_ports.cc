#include "daemon/policy/unprivileged_ports.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "daemon/base/owned_fd.h"

namespace wspd {
namespace {

constexpr int kUsualStart = 1024;

int ReadStart() {
  const OwnedFd file(open("/proc/sys/net/ipv4/ip_unprivileged_port_start",
                          O_RDONLY | O_CLOEXEC));
  char text[16] = {};
  if (!file.valid() || read(file.get(), text, sizeof(text) - 1) <= 0) {
    return kUsualStart;
  }
  return atoi(text);
}

}  // namespace

bool MayBindPort(const PolicySubject& subject, uint16_t port) {
  if (port == 0) return true;
  const uid_t uid = subject.uid;
  if (uid != 0 && uid == geteuid()) return true;
  return subject.binds_low_ports.value_or(uid == 0) || port >= ReadStart();
}

}  // namespace wspd
