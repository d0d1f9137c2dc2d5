#ifndef WSPD_DAEMON_WINSOCK_KERNEL_OPTIONS_H_
#define WSPD_DAEMON_WINSOCK_KERNEL_OPTIONS_H_

#include <array>
#include <cstddef>

#include "absl/types/optional.h"
#include "daemon/winsock/socket_options.h"

namespace wspd {

// The options of a stream socket that are kept in the kernel, where another
// kernel's socket is to have them.
class KernelOptions {
 public:
  static KernelOptions Of(int fd);

  // To a socket of the same family, with the buffers and the interfaces that
  // `options` say. What its state doesn't allow to be set any more stays as it
  // is there. Returns errno if it would receive by other interfaces than those:
  // then it mustn't be used.
  int ApplyTo(int fd, const SocketOptions& options) const;

 private:
  static constexpr size_t kCount = 17;
  // In the order of the table; those of another family can't be read.
  std::array<absl::optional<int>, kCount> values_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_KERNEL_OPTIONS_H_
