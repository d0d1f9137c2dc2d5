#include "daemon/base/descriptor_passing.h"

#include <sys/socket.h>

namespace wspd {
namespace {

// Not in the C library's headers yet.
#ifdef SO_PASSRIGHTS
constexpr int kPassRights = SO_PASSRIGHTS;
#else
constexpr int kPassRights = 83;
#endif

}  // namespace

bool SetDescriptorPassing(int fd, bool allowed) {
  const int value = allowed ? 1 : 0;
  return setsockopt(fd, SOL_SOCKET, kPassRights, &value, sizeof(value)) == 0;
}

}  // namespace wspd
