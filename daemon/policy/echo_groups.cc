#include "daemon/policy/echo_groups.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "daemon/base/owned_fd.h"

namespace wspd {
namespace {

// Empty if it can't be read: as with the kernel's own default, nobody's.
std::string ReadRange() {
  const OwnedFd file(
      open("/proc/sys/net/ipv4/ping_group_range", O_RDONLY | O_CLOEXEC));
  char text[32];
  const ssize_t size = file.valid() ? read(file.get(), text, sizeof(text)) : -1;
  return std::string(text, size < 0 ? 0 : static_cast<size_t>(size));
}

}  // namespace

bool IsInEchoGroups(const PolicySubject& subject, absl::string_view range) {
  const std::vector<absl::string_view> ends =
      absl::StrSplit(range, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  uint32_t first;
  uint32_t last;
  if (ends.size() != 2 || !absl::SimpleAtoi(ends[0], &first) ||
      !absl::SimpleAtoi(ends[1], &last)) {
    return false;
  }
  const auto is_in = [=](gid_t group) {
    return first <= group && group <= last;
  };
  if (is_in(subject.gid)) return true;
  if (!subject.groups) return false;
  for (const gid_t group : *subject.groups) {
    if (is_in(group)) return true;
  }
  return false;
}

bool MayHaveEchoes(const PolicySubject& subject) {
  return IsInEchoGroups(subject, ReadRange());
}

}  // namespace wspd
