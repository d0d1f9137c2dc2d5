#include "client_stub/spi/library.h"

#include <time.h>

namespace wsp {

Library g_library;
__thread ThreadRecord t_thread;

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

}  // namespace wsp
