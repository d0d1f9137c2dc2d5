#ifndef WSPD_DAEMON_BASE_ESCAPE_H_
#define WSPD_DAEMON_BASE_ESCAPE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace wspd {

// `text` as printable ASCII: everything else becomes \n, \r, \t or \xNN, and a
// backslash and the characters in `also` get a backslash. For what outsiders
// say, on its way to a log or a terminal.
std::string Escape(absl::string_view text, absl::string_view also = "");

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_ESCAPE_H_
