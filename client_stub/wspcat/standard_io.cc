#include "client_stub/wspcat/standard_io.h"

#include <unistd.h>

#include <cerrno>
#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#else
#include <csignal>
#endif

namespace wspd::wspcat {

void PrepareStandardIo() {
#if defined(_WIN32)
  _setmode(STDIN_FILENO, _O_BINARY);
  _setmode(STDOUT_FILENO, _O_BINARY);
#else
  std::signal(SIGPIPE, SIG_IGN);
#endif
}

long ReadInput(char* data, size_t size) {
  long count;
  do {
    count = static_cast<long>(read(STDIN_FILENO, data, size));
  } while (count < 0 && errno == EINTR);
  return count;
}

bool WriteOutput(const char* data, size_t size) {
  while (size > 0) {
    const long count = static_cast<long>(write(STDOUT_FILENO, data, size));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    data += count;
    size -= count;
  }
  return true;
}

}  // namespace wspd::wspcat
