#ifndef WSPD_DAEMON_WSPCTL_TERMINAL_H_
#define WSPD_DAEMON_WSPCTL_TERMINAL_H_

#include "absl/types/optional.h"

namespace wspd {

struct TerminalSize {
  int columns;
  int rows;
};

// Of the terminal that `fd` is; none if it isn't one. One that doesn't know its
// size has 80 columns and 24 rows.
absl::optional<TerminalSize> SizeOfTerminal(int fd);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_TERMINAL_H_
