// wspctl: asks a running wspd; see --help.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/wspctl/terminal.h"
#include "daemon/wspctl/wspctl.h"

namespace {

bool IsSet(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

wspd::Surroundings SurroundingsOfProcess() {
  wspd::Surroundings around;
  around.admin_socket = std::getenv("WSPD_ADMIN_SOCKET");
  if (const auto size = wspd::SizeOfTerminal(STDOUT_FILENO)) {
    around.terminal_width = size->columns;
  }
  const char* const type = std::getenv("TERM");
  around.wants_color = !IsSet("NO_COLOR") && type != nullptr &&
                       absl::string_view(type) != "dumb";
  return around;
}

}  // namespace

int main(int argc, char** argv) {
  return wspd::RunWspctl(std::vector<std::string>(argv + 1, argv + argc),
                         SurroundingsOfProcess(), std::cout, std::cerr);
}
