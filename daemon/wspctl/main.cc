// wspctl: asks a running wspd; see --help.
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "daemon/wspctl/wspctl.h"

int main(int argc, char** argv) {
  return wspd::RunWspctl(std::vector<std::string>(argv + 1, argv + argc),
                         std::getenv("WSPD_ADMIN_SOCKET"), std::cout,
                         std::cerr);
}
