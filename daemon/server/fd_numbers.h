#ifndef WSPD_DAEMON_SERVER_FD_NUMBERS_H_
#define WSPD_DAEMON_SERVER_FD_NUMBERS_H_

#include "absl/status/statusor.h"
#include "daemon/base/owned_fd.h"

namespace wspd {

// Moves descriptors to numbers of a range, going round in it, so that a number
// is used again as late as possible. Not thread-safe.
class FdNumbers {
 public:
  // Numbers from `first` to `last`, both included.
  FdNumbers(int first, int last) : first_(first), last_(last), next_(first) {}

  // A range in the upper half of what the process may open, an eighth below the
  // limit, and not so high that the kernel's table of descriptors gets big.
  static FdNumbers ForThisProcess();

  // The same open file, close-on-exec, under a number of the range, or above it
  // if the range is full. EMFILE if there is none.
  absl::StatusOr<OwnedFd> Move(OwnedFd fd);

  int first() const { return first_; }
  int last() const { return last_; }

 private:
  int first_;
  int last_;
  int next_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVER_FD_NUMBERS_H_
