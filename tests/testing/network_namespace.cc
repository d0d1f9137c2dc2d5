#include "tests/testing/network_namespace.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "gtest/gtest.h"

namespace wspd::testing {

bool EnterFreshNetwork() {
  if (unshare(CLONE_NEWNET) != 0 &&
      unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    ADD_FAILURE() << "unshare(CLONE_NEWNET): " << strerror(errno);
    return false;
  }
  return Ip("link set lo up") && Ip("link add v0 type veth peer name v1") &&
         Ip("link set v0 up") && Ip("link set v1 up");
}

bool Ip(const std::string& arguments) {
  const std::string command =
      "PATH=/usr/sbin:/sbin:/usr/bin:/bin exec ip " + arguments;
  const int status = system(command.c_str());
  EXPECT_EQ(status, 0) << command;
  return status == 0;
}

}  // namespace wspd::testing
