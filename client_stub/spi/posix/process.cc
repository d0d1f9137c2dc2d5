#include "client_stub/spi/process.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

namespace wsp {

bool ProcessExists(uint32_t process_id) {
  const auto pid = static_cast<pid_t>(process_id);
  return pid > 0 && (kill(pid, 0) == 0 || errno != ESRCH);
}

uint32_t OwnProcessId() { return static_cast<uint32_t>(getpid()); }

}  // namespace wsp
