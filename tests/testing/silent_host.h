#ifndef WSPD_TESTS_TESTING_SILENT_HOST_H_
#define WSPD_TESTS_TESTING_SILENT_HOST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/testing/endpoint.h"
#include "tests/testing/owned_fd.h"

namespace wspd::testing {

// A host on the network of v0 that doesn't answer the question which hardware
// address it has: what is sent to it waits in the kernel, as much as the
// socket's send buffer holds, until it appears. For a thread that is in a fresh
// network (network_namespace.h); one of each family there.
class SilentHost {
 public:
  static constexpr unsigned char kIpv4[4] = {192, 0, 2, 9};
  static constexpr unsigned char kIpv6[16] = {
      0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
  static constexpr uint16_t kPort = 5000;

  // Gives v0 an address of the network. Aborts on failure.
  explicit SilentHost(Family family);

  // From now on what is sent to it arrives, first what has waited.
  void Appear();

  // The contents of the datagrams that have come since the last time, after
  // Appear.
  std::vector<std::string> TakeDatagrams();

 private:
  const Family family_;
  OwnedFd packets_;
  OwnedFd sender_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_SILENT_HOST_H_
