#include "daemon/wspctl/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace wspd {

absl::optional<TerminalSize> SizeOfTerminal(int fd) {
  if (isatty(fd) == 0) return absl::nullopt;
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0) size = {};
  return TerminalSize{size.ws_col > 0 ? size.ws_col : 80,
                      size.ws_row > 0 ? size.ws_row : 24};
}

}  // namespace wspd
