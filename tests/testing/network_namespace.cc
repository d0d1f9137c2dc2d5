#include "tests/testing/network_namespace.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gtest/gtest.h"

namespace wspd::testing {
namespace {

const char kIp[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin exec ip ";

}  // namespace

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
  const std::string command = kIp + arguments;
  const int status = system(command.c_str());
  EXPECT_EQ(status, 0) << command;
  return status == 0;
}

bool AddAddresses(const std::string& interface, int count) {
  const std::string command = std::string(kIp) + "-batch -";
  FILE* const batch = popen(command.c_str(), "we");
  if (batch == nullptr) {
    ADD_FAILURE() << "popen(): " << strerror(errno);
    return false;
  }
  for (int i = 1; i <= count; ++i) {
    fprintf(batch, "addr add 10.%d.%d.%d/32 dev %s\n", i >> 16 & 255,
            i >> 8 & 255, i & 255, interface.c_str());
  }
  const int status = pclose(batch);
  EXPECT_EQ(status, 0) << command;
  return status == 0;
}

}  // namespace wspd::testing
